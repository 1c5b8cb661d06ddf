// Nearest entry within 100 m, warm, one thread: a cache against nanoflann's kd-tree of unit vectors
// over the same points, in the same run.
//
//   bench_nearest [POINTS [CACHE-DIRECTORY]]
//
// Without a directory one is made by places/make_cache next to this program's folder. nanoflann is
// given its best case: a 1-nearest search that starts with the radius as its worst distance, query
// vectors computed beforehand, the better of two leaf sizes. Rounds alternate between the
// contestants and the best round of each counts.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nanoflann.hpp>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

extern "C" {
#include "cachefmt/cache.h"
#include "quadtree/morton.h"
}

namespace
{

constexpr double radius = 100.0;
constexpr double jitter_metres = 30.0;
constexpr size_t query_count = 500000;
constexpr size_t batch = 65536;
constexpr int rounds = 5;
constexpr double unit_radians = M_PI / 180.0 / POINT_UNITS_PER_DEGREE;

[[noreturn]] void fail(const std::string &what)
{
    fprintf(stderr, "bench_nearest: %s\n", what.c_str());
    exit(1);
}

struct Vectors {
    std::vector<double> xyz;
    void add(point p)
    {
        double lat = p.lat * unit_radians, lon = p.lon * unit_radians;
        xyz.insert(xyz.end(), {cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat)});
    }
    size_t kdtree_get_point_count() const { return xyz.size() / 3; }
    double kdtree_get_pt(size_t i, size_t axis) const { return xyz[3 * i + axis]; }
    template <class Box> bool kdtree_get_bbox(Box &) const { return false; }
};

using Tree =
    nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<double, Vectors>, Vectors, 3,
                                        uint32_t>;

constexpr uint32_t no_point = UINT32_MAX;

uint32_t tree_nearest(const Tree &tree, const double *query)
{
    const double chord = 2 * sin(radius / 2 / EARTH_RADIUS_METRES);
    uint32_t index = no_point;
    double square;
    nanoflann::KNNResultSet<double, uint32_t> result(1);
    result.init(&index, &square);
    square = chord * chord;
    tree.findNeighbors(result, query, nanoflann::SearchParams());
    return index;
}

template <class Work> double microseconds_each(size_t n, Work work)
{
    auto began = std::chrono::steady_clock::now();
    work();
    std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
    return took.count() / static_cast<double>(n);
}

std::vector<point> points_of(const cache *open)
{
    std::vector<point> points;
    const manifest *content = cache_manifest(open);
    for (uint32_t tile = 0; tile < grid_tiles(content->grid); tile++) {
        const pair *one = cache_pair(open, tile);
        const quadtree *tree;
        error err;
        if (one == nullptr)
            continue;
        if (pair_quadtree(one, &tree, &err) != 0)
            fail(err.message);
        for (size_t row = 0; row < tree->count; row++)
            points.push_back(tree->points[row]);
    }
    return points;
}

std::vector<point> queries_near(const std::vector<point> &points)
{
    std::mt19937_64 random(1);
    std::normal_distribution<double> metres(0, jitter_metres);
    std::vector<point> queries;
    while (queries.size() < query_count) {
        point p = points[random() % points.size()];
        double unit = EARTH_RADIUS_METRES * unit_radians;
        double up = metres(random) / unit;
        double right = metres(random) / unit / std::max(cos(p.lat * unit_radians), 0.01);
        p.lat += static_cast<int32_t>(up);
        p.lon += static_cast<int32_t>(right);
        if (point_is_valid(p))
            queries.push_back(p);
    }
    return queries;
}

struct Contest {
    const cache *open;
    const std::vector<point> &points, &queries;
    std::vector<double> query_vectors;
    std::vector<cache_hit> hits;
    double tree = INFINITY, single = INFINITY, batched = INFINITY, address = INFINITY;

    Contest(const cache *of, const std::vector<point> &p, const std::vector<point> &q)
        : open(of), points(p), queries(q), hits(q.size())
    {
        Vectors vectors;
        for (point query : queries)
            vectors.add(query);
        query_vectors = vectors.xyz;
    }

    void run_single()
    {
        error err;
        for (size_t i = 0; i < queries.size(); i++) {
            hits[i].row = UINT64_MAX;
            if (cache_nearest(open, queries[i], radius, &hits[i], &err) < 0)
                fail(err.message);
        }
    }

    void run_batches()
    {
        error err;
        for (size_t i = 0; i < queries.size(); i += batch)
            if (cache_nearest_batch(open, &queries[i], std::min(batch, queries.size() - i), radius,
                                    &hits[i], &err) != 0)
                fail(err.message);
    }

    size_t run_addresses()
    {
        error err;
        entry found;
        size_t bytes = 0;
        for (point query : queries) {
            cache_hit hit;
            int result = cache_nearest(open, query, radius, &hit, &err);
            if (result < 0 || (result == 1 && cache_entry(open, &hit, &found, &err) != 0))
                fail(err.message);
            for (int field = 0; result == 1 && field < FIELD_COUNT; field++)
                bytes += found.address.field[field].length;
        }
        return bytes;
    }

    // The distances must agree; among equals either may be the one found.
    void compare(const Tree &rival) const
    {
        for (size_t i = 0; i < queries.size(); i++) {
            uint32_t other = tree_nearest(rival, &query_vectors[3 * i]);
            bool hit = hits[i].row != UINT64_MAX;
            double theirs =
                other == no_point ? radius : point_distance(queries[i], points[other]);
            if (std::abs((hit ? hits[i].distance : radius) - theirs) > 1e-6)
                fail("the results differ at query " + std::to_string(i));
        }
    }

    void run(const Tree &rival)
    {
        size_t n = queries.size();
        run_single();
        compare(rival);
        run_batches();
        compare(rival);
        size_t bytes = run_addresses();
        for (int round = 0; round < rounds; round++) {
            tree = std::min(tree, microseconds_each(n, [&] {
                                for (size_t i = 0; i < n; i++)
                                    bytes += tree_nearest(rival, &query_vectors[3 * i]);
                            }));
            single = std::min(single, microseconds_each(n, [&] { run_single(); }));
            batched = std::min(batched, microseconds_each(n, [&] { run_batches(); }));
            address = std::min(address, microseconds_each(n, [&] { bytes += run_addresses(); }));
        }
        if (bytes == 0)
            fail("nothing was found");
    }
};

void print(const char *name, double ours, double theirs)
{
    printf("BENCH %s ours=%.3f theirs=%.3f unit=us ratio=%.3f\n", name, ours, theirs,
           ours / theirs);
    fflush(stdout);
}

void measure(const std::string &directory)
{
    cache *open;
    error err;
    if (cache_open(&open, directory.c_str(), nullptr, &err) != 0)
        fail(err.message);
    std::vector<point> points = points_of(open), queries = queries_near(points);
    Vectors vectors;
    vectors.xyz.reserve(3 * points.size());
    for (point p : points)
        vectors.add(p);
    Contest contest(open, points, queries);
    for (size_t leaf : {10, 24}) {
        Tree tree(3, vectors, nanoflann::KDTreeSingleIndexAdaptorParams(leaf));
        tree.buildIndex();
        contest.run(tree);
    }
    cache_figures figures = manifest_figures(cache_manifest(open));
    print("nearest_single", contest.single, contest.tree);
    print("nearest_batch", contest.batched, contest.tree);
    print("nearest_with_address", contest.address, contest.tree);
    fprintf(stderr, "%zu points, %.2f bytes of index each\n", points.size(),
            static_cast<double>(figures.index_bytes) / static_cast<double>(figures.entries));
    cache_close(open);
}

std::string made_cache(const std::string &work, const std::string &points)
{
    auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() /
                   "places" / "make_cache";
    std::string command = "'" + program.string() + "' '" + work + "/cache' " + points + " >&2";
    if (system(command.c_str()) != 0) {
        std::filesystem::remove_all(work);
        fail(program.string() + " failed");
    }
    return work + "/cache";
}

} // namespace

int main(int argc, char **argv)
{
    if (argc > 2) {
        measure(argv[2]);
        return 0;
    }
    std::string work = (std::filesystem::temp_directory_path() / "refreshd-bench.XXXXXX").string();
    if (mkdtemp(work.data()) == nullptr)
        fail("cannot make " + work);
    measure(made_cache(work, std::to_string(argc > 1 ? atol(argv[1]) : 10000000)));
    std::filesystem::remove_all(work);
    return 0;
}
