# refreshd: build, test, bench, install. `make help` lists the targets.
.DEFAULT_GOAL := all
SHELL := /bin/bash

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
SYSCONFDIR ?= /etc
DESTDIR ?=
SYSTEMDUNITDIR ?= $(PREFIX)/lib/systemd/system
CC ?= cc
OBJCOPY ?= objcopy
OPT ?= -O2
SAN ?=
DEBUG ?= -g
LINKER ?=
WERROR ?=
V ?=
Q := $(if $(V),,@)

PACKAGES := gcc libc6-dev make pkg-config libuv1-dev liblmdb-dev libcjson-dev libcurl4-openssl-dev \
	libxxhash-dev libinih-dev libsystemd-dev libmicrohttpd-dev zlib1g-dev \
	libgnutls28-dev libzstd-dev
TEST_PACKAGES := g++ clang libclang-rt-14-dev lld libcmocka-dev clang-format cppcheck python3 python3-pytest \
	python3-pytest-xdist e2fsprogs mount libnghttp2-dev libssl-dev openssl curl \
	python3-geopy ruby-geocoder libgeocode-glib-dev gir1.2-geocodeglib-2.0 python3-gi prometheus chromium \
	mandoc man-db zsh bash-completion systemd util-linux \
	etcd-server etcd-client iproute2 iptables faketime spin \
	$(if $(shell command -v node),,nodejs) $(if $(shell command -v npm),,npm)
DEB_PACKAGES := debhelper dpkg-dev lintian
SYSTEM_PACKAGES := mmdebstrap systemd-container
BENCH_PACKAGES := g++ libnanoflann-dev python3 time curl nginx-light wrk openssl etcd-server sqlite3 \
	$(if $(shell command -v node),,nodejs) $(if $(shell command -v npm),,npm)

LIBRARIES := libuv lmdb libcjson libcurl libxxhash inih libsystemd libmicrohttpd zlib gnutls libzstd
WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wvla -Wformat=2 \
	-Wpointer-arith -Wwrite-strings -Wundef
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
# Recursive on purpose: the packages may be installed by the deps target of the same make.
PKG_LIBS = $(shell pkg-config --libs $(LIBRARIES))
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DREFRESHD_VERSION='"$(VERSION)"' -I. -I$(BUILD)/generated \
	$(OPT) $(DEBUG) -ffp-contract=off -fno-math-errno $(WARNINGS) $(if $(WERROR),-Werror) $(SAN_FLAGS) -pthread $(CFLAGS)
ALL_LDFLAGS = $(SAN_FLAGS) $(if $(LINKER),-fuse-ld=$(LINKER)) -pthread $(LDFLAGS)
LIBS = $(PKG_LIBS) -lm
ifeq ($(SAN),thread)
export TSAN_OPTIONS := suppressions=$(abspath tests/tsan.supp)
endif

# --- sources, in the order of the floors ------------------------------------
LIB_DIRS := base quadtree cachefmt tables geocache config geocoder stages fleet
LIB_SOURCES := $(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.c))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/geocoder/gazetteer/embed.o
DAEMON_SOURCES := $(filter-out daemon/refreshctl%.c,$(wildcard daemon/*.c))
CTL_SOURCES := $(wildcard daemon/refreshctl*.c) daemon/protocol.c
DAEMON_OBJECTS := $(DAEMON_SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/daemon/dashboard/embed.o
CTL_OBJECTS := $(CTL_SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(BUILD)/librefreshd.a

.PHONY: all
all: $(BUILD)/refreshd $(BUILD)/refreshctl libgeocache manuals

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(LIBRARY): $(LIB_OBJECTS)
	@mkdir -p $(@D)
	@echo "  AR   $@"
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/refreshd: $(DAEMON_OBJECTS) $(LIBRARY)
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/refreshctl: $(CTL_OBJECTS) $(LIBRARY)
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# --- the embedded gazetteer: places -> pair -> bytes of the library --------------
GAZETTEER := $(BUILD)/generated/gazetteer
GAZETTEER_TOOL := $(BUILD)/tools/build_gazetteer
GAZETTEER_OBJECTS := $(BUILD)/geocoder/gazetteer/build_gazetteer.o \
	$(filter $(foreach d,base quadtree cachefmt,$(BUILD)/$(d)/%),$(LIB_OBJECTS))

$(GAZETTEER_TOOL): $(GAZETTEER_OBJECTS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(GAZETTEER).idx $(GAZETTEER).dat &: $(GAZETTEER_TOOL) geocoder/gazetteer/places.tsv.gz
	@mkdir -p $(@D)
	@echo "  MAKE $(GAZETTEER)"
	$(Q)set -o pipefail; gzip -dc geocoder/gazetteer/places.tsv.gz | $< $(GAZETTEER).idx $(GAZETTEER).dat

$(BUILD)/%.o: %.S
	@mkdir -p $(@D)
	@echo "  AS   $<"
	$(Q)$(CC) -I$(BUILD)/generated -c -o $@ $<

$(BUILD)/geocoder/gazetteer/embed.o: $(GAZETTEER).idx $(GAZETTEER).dat

# --- libgeocache: the floors it stands on, built once more to be shared ---------------
GEOCACHE_VERSION := $(shell awk '/define GEOCACHE_VERSION_/ {v = v d $$3; d = "."} END {print v}' \
	geocache/geocache.h)
GEOCACHE_NAME := libgeocache.so.$(firstword $(subst ., ,$(GEOCACHE_VERSION)))
GEOCACHE_FILE := libgeocache.so.$(GEOCACHE_VERSION)
GEOCACHE_OBJECTS := $(patsubst %.c,$(BUILD)/shared/%.o,$(foreach d,base quadtree cachefmt geocache,\
	$(wildcard $(d)/*.c)))
GEOCACHE_OWN := $(filter $(BUILD)/shared/geocache/%,$(GEOCACHE_OBJECTS))
GEOCACHE_LIBS := libxxhash libcjson
PRIVATE_LIBS = $(shell pkg-config --libs $(GEOCACHE_LIBS)) -lm -pthread
.PHONY: libgeocache
libgeocache: $(BUILD)/libgeocache.so $(BUILD)/libgeocache.a $(BUILD)/libgeocache.pc

$(BUILD)/shared/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $< (shared)"
	$(Q)$(CC) $(ALL_CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

# From an archive, so that only what a lookup needs comes along.
$(BUILD)/shared/floors.a: $(filter-out $(GEOCACHE_OWN),$(GEOCACHE_OBJECTS))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/$(GEOCACHE_FILE): $(GEOCACHE_OWN) $(BUILD)/shared/floors.a geocache/libgeocache.map
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -shared -Wl,-soname,$(GEOCACHE_NAME) -Wl,-z,relro,-z,now \
		$(if $(SAN),,-Wl,-z,defs) -Wl,--as-needed -Wl,--version-script=geocache/libgeocache.map \
		-o $@ $(GEOCACHE_OWN) $(BUILD)/shared/floors.a $(PRIVATE_LIBS)

$(BUILD)/libgeocache.so: $(BUILD)/$(GEOCACHE_FILE)
	$(Q)ln -sf $(GEOCACHE_FILE) $(BUILD)/$(GEOCACHE_NAME)
	$(Q)ln -sf $(GEOCACHE_NAME) $@

# One object in which all names but the public ones are local.
$(BUILD)/libgeocache.a: $(GEOCACHE_OWN) $(BUILD)/shared/floors.a
	@echo "  AR   $@"
	$(Q)$(LD) -r -o $(BUILD)/shared/libgeocache.o $^
	$(Q)$(OBJCOPY) --localize-hidden $(BUILD)/shared/libgeocache.o
	@rm -f $@
	$(Q)$(AR) rcs $@ $(BUILD)/shared/libgeocache.o

# Always made again: what it holds are the variables of this call.
.PHONY: $(BUILD)/libgeocache.pc
$(BUILD)/libgeocache.pc: geocache/libgeocache.pc.in
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@VERSION@|$(GEOCACHE_VERSION)|' -e 's|@PRIVATE_LIBS@|$(PRIVATE_LIBS)|' $< >$@.$$$$ && mv -f $@.$$$$ $@

# --- the dashboard: its parts -> one page -> bytes of refreshd ---------------------
DASHBOARD := $(BUILD)/generated/dashboard
DASHBOARD_PARTS := $(wildcard daemon/dashboard/*.html daemon/dashboard/*.txt daemon/dashboard/*.sh \
	daemon/dashboard/style/*.css daemon/dashboard/script/*.js)
$(DASHBOARD).html $(DASHBOARD).html.gz $(DASHBOARD).h &: $(DASHBOARD_PARTS)
	@mkdir -p $(@D)
	@echo "  MAKE $(DASHBOARD).html"
	$(Q)daemon/dashboard/assemble.sh daemon/dashboard $(DASHBOARD)

$(BUILD)/daemon/dashboard/embed.o: $(DASHBOARD).html $(DASHBOARD).html.gz
$(BUILD)/daemon/http_dashboard.o: $(DASHBOARD).h

# --- manuals, completions, example: templates and the tables of the programs ----------
MANUALS_TOOL := $(BUILD)/tools/make_manuals
MANUALS_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard manuals/*.c)) \
	$(filter-out $(BUILD)/daemon/refreshctl.o,$(CTL_OBJECTS)) $(BUILD)/daemon/refreshd_options.o
MAN_PAGES := refreshd.8 refreshctl.8 refreshd.conf.5
MANUALS := $(MAN_PAGES:%=$(BUILD)/man/%) $(BUILD)/refreshd.conf.example \
	$(BUILD)/completions/refreshctl $(BUILD)/completions/_refreshctl
.PHONY: manuals
manuals: $(MANUALS)

$(MANUALS_TOOL): $(MANUALS_OBJECTS) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

define make_manual
@mkdir -p $(@D)
@echo "  MAKE $@"
$(Q)$(MANUALS_TOOL) $< >$@.new && mv -f $@.new $@
endef
$(MAN_PAGES:%=$(BUILD)/man/%): $(BUILD)/man/%: manuals/%.in $(MANUALS_TOOL)
	$(make_manual)
$(BUILD)/refreshd.conf.example: manuals/refreshd.conf.example.in $(MANUALS_TOOL)
	$(make_manual)
$(BUILD)/completions/refreshctl: manuals/refreshctl.bash.in $(MANUALS_TOOL)
	$(make_manual)
$(BUILD)/completions/_refreshctl: manuals/_refreshctl.in $(MANUALS_TOOL)
	$(make_manual)

# --- tests --------------------------------------------------------------------
# One cmocka program for each tests/unit/test_*.c; a refreshd whose table of providers has the stub
# geocoder in it for the end-to-end tests.
UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
UNIT_PROGRAMS := $(UNIT_SOURCES:%.c=$(BUILD)/%)
UNIT_HELPERS := $(filter-out $(UNIT_SOURCES),$(wildcard tests/unit/*.c))
UNIT_HELPER_OBJECTS := $(UNIT_HELPERS:%.c=$(BUILD)/%.o)
SUPPORT_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))

# The programs' files but their mains, so that unit tests can reach them.
DAEMON_LIBRARY := $(BUILD)/libdaemon.a
$(DAEMON_LIBRARY): $(filter-out $(BUILD)/daemon/refreshd.o $(BUILD)/daemon/refreshctl.o,\
		$(sort $(DAEMON_OBJECTS) $(CTL_OBJECTS)))
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(UNIT_HELPER_OBJECTS) $(DAEMON_LIBRARY) $(LIBRARY)
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(UNIT_HELPER_OBJECTS) $(DAEMON_LIBRARY) $(LIBRARY) $(LIBS) \
		-lcmocka

$(BUILD)/tests/refreshd: $(DAEMON_OBJECTS) $(SUPPORT_OBJECTS) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# Preloaded into refreshd: makes a chosen call that changes files fail or be the last.
$(BUILD)/tests/fault_shim.so: tests/shim/fault_shim.c
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(if $(WERROR),-Werror) -O1 -shared -fPIC -o $@ $<

# A geocoder that answers over the network and misbehaves on script.
STUB_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/stub/*.c)) \
	$(filter $(BUILD)/base/%,$(LIB_OBJECTS))
$(BUILD)/tests/stub_geocoder: $(STUB_OBJECTS)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $$(pkg-config --libs libuv libcjson libnghttp2 libssl libcrypto) -lm

E2E_PROGRAMS := $(BUILD)/tests/refreshd $(BUILD)/tests/fault_shim.so $(BUILD)/tests/stub_geocoder \
	$(BUILD)/places/make_learned $(BUILD)/places/make_newer
# The programs of a build with a sanitizer are for its tests alone.
TESTED := $(if $(SAN),$(BUILD)/refreshctl,all)
.PRECIOUS: $(BUILD)/%.o
.PHONY: test-programs unit e2e
test-programs: $(TESTED) $(UNIT_PROGRAMS) $(E2E_PROGRAMS)

# In memory, where there is room: they wait for the disk often, and prove nothing about it.
UNIT_DIRECTORY := $(shell df -k --output=avail,target /dev/shm /tmp 2>/dev/null | \
	awk 'NR > 1 && $$1 > 2000000 {print $$2; exit}')
UNIT_RUNS := $(UNIT_PROGRAMS:%=%.run)
.PHONY: $(UNIT_RUNS)
$(UNIT_RUNS): %.run: %
	@echo "== $<"
	@$(if $(filter /dev/shm,$(UNIT_DIRECTORY)),TMPDIR=/dev/shm) $<

unit: $(UNIT_RUNS)

# The fleet's protocol, searched by a model checker; the short search is part of the tests.
.PHONY: check-model model-short
check-model: deps-test
	@nice tests/model/check.sh
model-short:
	@tests/model/check.sh short

# The tests mostly wait: many more of them at a time than there are processors.
PYTEST_WORKERS ?= $(shell echo $$((3 * $$(nproc))))
PYTEST_FLAGS ?=
e2e: $(TESTED) $(E2E_PROGRAMS)
	REFRESHD_BUILD=$(abspath $(BUILD)) /usr/bin/python3 -m pytest -q -rs -p no:cacheprovider \
		-n $(PYTEST_WORKERS) $(PYTEST_FLAGS) tests/e2e

# What users and CI call: installs what is missing, builds, runs everything. Unit tests wait, too.
PARALLEL := -j4 --output-sync=target
.PHONY: test check-san
test: deps-test
	$(MAKE) -j2 WERROR=1 lint test-programs
	$(MAKE) $(PARALLEL) WERROR=1 deb model-short unit
	$(MAKE) WERROR=1 e2e

# Every unit test under ASan+UBSan and under TSan, and under both the end-to-end tests that are not
# about speed or a thousand kills.
SANITIZED := CC=clang LINKER=lld OPT=-O1 DEBUG=-g1 WERROR=1
ASAN := $(SANITIZED) SAN=address,undefined BUILD=$(BUILD)/asan
TSAN := $(SANITIZED) SAN=thread BUILD=$(BUILD)/tsan
check-san: deps-test
	$(MAKE) -j2 $(ASAN) test-programs
	$(MAKE) $(PARALLEL) $(ASAN) unit
	$(MAKE) -j2 $(TSAN) test-programs
	$(MAKE) $(PARALLEL) $(TSAN) unit
	$(MAKE) $(ASAN) PYTEST_FLAGS="-m sanitized" e2e
	$(MAKE) $(TSAN) PYTEST_FLAGS="-m sanitized" e2e

# --- style: formatting, banned calls, file maps ---------------------------------
SOURCES := $(foreach d,$(LIB_DIRS) daemon manuals geocoder/gazetteer tests tests/unit tests/fuzz tests/bench \
	tests/support tests/shim tests/places tests/stub tests/e2e,$(wildcard $(d)/*.c $(d)/*.h))
.PHONY: lint format
lint:
	@tests/lint.sh $(SOURCES)

format:
	clang-format -i $(SOURCES)

# --- fuzzing: each parser of hostile bytes, for a bounded time -------------------
FUZZ_SECONDS ?= 20
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BUILD := $(BUILD)/fuzz
FUZZ_FLAGS := $(SANITIZED) SAN=address,undefined,fuzzer-no-link BUILD=$(FUZZ_BUILD)
FUZZ_PROGRAMS := $(FUZZ_SOURCES:tests/fuzz/%.c=$(FUZZ_BUILD)/%)
.PHONY: fuzz fuzz-programs
fuzz: deps-test
	$(MAKE) -j2 $(FUZZ_FLAGS) fuzz-programs
	@$(MAKE) -j2 --output-sync=target --no-print-directory $(FUZZ_FLAGS) $(FUZZ_PROGRAMS:%=%.run)
	@echo "fuzz: $(words $(FUZZ_SOURCES)) passed, 0 failed"

FUZZ_RUNS := $(FUZZ_SOURCES:tests/fuzz/%.c=$(BUILD)/%.run)
.PHONY: $(FUZZ_RUNS)
$(FUZZ_RUNS): $(BUILD)/%.run: $(BUILD)/%
	@echo "== $*"
	@mkdir -p $(BUILD)/corpus/$*
	@$< -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
		-artifact_prefix=$(BUILD)/ $(patsubst %,-dict=%,$(wildcard tests/fuzz/$*.dict)) \
		$(BUILD)/corpus/$* $(wildcard tests/fuzz/seeds/$*)

fuzz-programs: $(FUZZ_SOURCES:tests/fuzz/%.c=$(BUILD)/%)

ifneq ($(findstring fuzzer,$(SAN)),)
FUZZED_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,daemon/protocol.c $(wildcard daemon/reverse*.c))
$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(LIBRARY) $(FUZZED_OBJECTS)
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $(FUZZED_OBJECTS) \
		$(LIBRARY) $(LIBS)
endif

# --- made-up points around real places, for the demo and the benchmarks -----------
PLACES_PROGRAMS := $(BUILD)/places/make_places $(BUILD)/places/make_cache
$(BUILD)/places/make_%: $(BUILD)/tests/places/make_%.o $(BUILD)/tests/places/places.o $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# --- benchmarks against what users would pick instead ----------------------------
BENCH_C := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c))
BENCH_CXX := $(patsubst tests/bench/%.cc,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.cc))
$(BUILD)/bench/%: tests/bench/%.c $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(LIBRARY) $(LIBS)
$(BUILD)/bench/%: tests/bench/%.cc $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CXX) -std=c++17 -I. $(OPT) -g -Wall -Wextra -pthread -o $@ $< $(LIBRARY) $(LIBS)

.PHONY: bench bench-programs
bench-programs: all $(BENCH_C) $(BENCH_CXX) $(PLACES_PROGRAMS) $(BUILD)/tests/stub_geocoder
bench: deps-bench
	$(MAKE) -j2 bench-programs
	REFRESHD_BUILD=$(abspath $(BUILD)) tests/bench/run.sh

# --- demo -----------------------------------------------------------------------
.PHONY: demo
demo: deps-demo
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/places/make_places
	@REFRESHD_BUILD=$(abspath $(BUILD)) tests/demo/demo.sh

.PHONY: demo-fleet
demo-fleet: deps-demo-fleet
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/places/make_places
	@REFRESHD_BUILD=$(abspath $(BUILD)) tests/demo/fleet.sh

# --- packages, install -------------------------------------------------------------
.PHONY: deps deps-demo deps-demo-fleet deps-test deps-bench deps-deb
deps:
	@tests/install-packages.sh $(PACKAGES)
deps-demo:
	@tests/install-packages.sh $(PACKAGES) curl
deps-demo-fleet:
	@tests/install-packages.sh $(PACKAGES) curl openssl etcd-server
deps-test:
	@tests/install-packages.sh $(PACKAGES) $(TEST_PACKAGES) $(DEB_PACKAGES) $(SYSTEM_PACKAGES)
deps-bench:
	@tests/install-packages.sh $(PACKAGES) $(BENCH_PACKAGES)

deps-deb:
	@tests/install-packages.sh $(PACKAGES) $(DEB_PACKAGES)

# Debian packages, in $(BUILD); the tree stays as it is.
.PHONY: deb print-version
deb: deps-deb
	debian/build-packages.sh $(BUILD)
	lintian --allow-root --fail-on error,warning $(BUILD)/*.deb

print-version:
	@echo $(VERSION)

.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BUILD)/refreshd $(DESTDIR)$(PREFIX)/sbin/refreshd
	install -m 755 $(BUILD)/refreshctl $(DESTDIR)$(PREFIX)/bin/refreshctl
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(LIBDIR)/pkgconfig \
		$(DESTDIR)$(PREFIX)/share/man/man3
	install -m 644 geocache/geocache.h $(DESTDIR)$(PREFIX)/include/geocache.h
	install -m 644 $(BUILD)/$(GEOCACHE_FILE) $(DESTDIR)$(LIBDIR)/$(GEOCACHE_FILE)
	ln -sf $(GEOCACHE_FILE) $(DESTDIR)$(LIBDIR)/$(GEOCACHE_NAME)
	ln -sf $(GEOCACHE_NAME) $(DESTDIR)$(LIBDIR)/libgeocache.so
	install -m 644 $(BUILD)/libgeocache.a $(DESTDIR)$(LIBDIR)/libgeocache.a
	install -m 644 $(BUILD)/libgeocache.pc $(DESTDIR)$(LIBDIR)/pkgconfig/libgeocache.pc
	install -m 644 geocache/libgeocache.3 $(DESTDIR)$(PREFIX)/share/man/man3/libgeocache.3
	install -d $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8 \
		$(DESTDIR)$(PREFIX)/share/doc/refreshd \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install -m 644 $(BUILD)/man/refreshd.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/refreshd.conf.5
	install -m 644 $(BUILD)/man/refreshd.8 $(BUILD)/man/refreshctl.8 \
		$(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 644 $(BUILD)/refreshd.conf.example $(wildcard docs/*.md) \
		$(DESTDIR)$(PREFIX)/share/doc/refreshd/
	[ -e $(DESTDIR)$(SYSCONFDIR)/refreshd/refreshd.conf ] || install -D -m 644 \
		$(BUILD)/refreshd.conf.example $(DESTDIR)$(SYSCONFDIR)/refreshd/refreshd.conf
	install -d $(DESTDIR)$(PREFIX)/share/doc/refreshd/examples
	install -m 644 monitoring/alerts.yml monitoring/refreshd-dashboard.json \
		$(DESTDIR)$(PREFIX)/share/doc/refreshd/examples/
	install -m 644 $(BUILD)/completions/refreshctl \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/refreshctl
	install -m 644 $(BUILD)/completions/_refreshctl \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_refreshctl

# The units' paths are those of a package; here they follow PREFIX.
UNITS := systemd/refreshd.service systemd/refresh.service systemd/refresh.timer
EXAMPLES := refresh.cron refresh.service.fleet.conf refresh.timer.fleet.conf
OWN_PATHS := -e 's|/usr/sbin/|$(PREFIX)/sbin/|' -e 's|/usr/bin/refresh|$(PREFIX)/bin/refresh|' \
	-e 's|/usr/lib/refreshd|$(PREFIX)/lib/refreshd|'
.PHONY: install-units
install: install-units
install-units:
	install -d $(DESTDIR)$(SYSTEMDUNITDIR) $(DESTDIR)$(PREFIX)/lib/sysusers.d \
		$(DESTDIR)$(PREFIX)/lib/tmpfiles.d $(DESTDIR)$(PREFIX)/lib/refreshd \
		$(DESTDIR)$(PREFIX)/share/doc/refreshd/examples
	for unit in $(UNITS); do sed $(OWN_PATHS) $$unit \
		>$(DESTDIR)$(SYSTEMDUNITDIR)/$${unit#systemd/} || exit 1; done
	chmod 644 $(UNITS:systemd/%=$(DESTDIR)$(SYSTEMDUNITDIR)/%)
	install -m 644 systemd/refreshd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/refreshd.conf
	install -m 644 systemd/refreshd.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/refreshd.conf
	install -m 755 systemd/refresh-when-due $(DESTDIR)$(PREFIX)/lib/refreshd/refresh-when-due
	for example in $(EXAMPLES); do sed $(OWN_PATHS) systemd/$$example \
		>$(DESTDIR)$(PREFIX)/share/doc/refreshd/examples/$$example || exit 1; done
	chmod 644 $(EXAMPLES:%=$(DESTDIR)$(PREFIX)/share/doc/refreshd/examples/%)

# Takes away what an install with the same variables puts there, but a configuration.
.PHONY: uninstall
uninstall: all
	rm -rf $(BUILD)/uninstall
	$(MAKE) --no-print-directory install DESTDIR=$(abspath $(BUILD))/uninstall >$(BUILD)/uninstall.log
	cd $(BUILD)/uninstall && find . ! -type d ! -path .$(SYSCONFDIR)/refreshd/refreshd.conf \
		-exec sh -c 'for file; do rm -fv "$(DESTDIR)/$${file#./}"; done' sh {} +
	rm -rf $(BUILD)/uninstall
	for directory in lib/refreshd share/doc/refreshd/examples share/doc/refreshd; do \
		rmdir $(DESTDIR)$(PREFIX)/$$directory 2>/dev/null || true; done

.PHONY: clean help
clean:
	rm -rf $(BUILD)

help:
	@echo "make            build $(BUILD)/refreshd, $(BUILD)/refreshctl and libgeocache"
	@echo "make manuals    man pages, completions, the example configuration"
	@echo "make demo       a refresh of a million real-looking points, killed and resumed"
	@echo "make demo-fleet three peers share one refresh through etcd, one of them killed, and switch together"
	@echo "make test       install what is needed, build, run every test"
	@echo "make check-san  the tests under ASan+UBSan and under TSan"
	@echo "make check-model  every state of the fleet's protocol, and faults of it"
	@echo "make fuzz       every fuzz target for FUZZ_SECONDS (20)"
	@echo "make bench      ratios against what users would pick instead"
	@echo "make install    into DESTDIR and PREFIX; make uninstall takes it away"
	@echo "make deb        Debian packages, in $(BUILD)"
	@echo "make deps       the Debian packages for building"
	@echo "V=1 shows the commands; CC, OPT, DEBUG, LINKER, SAN and WERROR=1 shape the build"

-include $(shell find $(BUILD) \( -path $(BUILD)/system -o -path $(BUILD)/deb \) -prune -o -name '*.d' -type f -print 2>/dev/null)
