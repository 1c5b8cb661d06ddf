"""The clients that people have, unchanged, against /reverse: geopy, ruby-geocoder, geocode-glib, and
refreshd's own nominatim provider. A hit, a miss and a bad question each."""

import json
import os
import subprocess
import sys

import pytest
from geopy.exc import GeocoderQueryError
from geopy.geocoders import Nominatim

from harness import COLUMNS, REFRESHCTL, Refreshd, free_port

pytestmark = pytest.mark.sanitized

LABEL = "12 High Street, Old Town, Bath BA1 2QR, Somerset, England, United Kingdom"
HOUSE = (52.12345671234567, -0.5)
LAKE = (57.3, -4.45)
NOWHERE = (1.0, 1.0)
ROWS = f"""lat,lon,label,name,housenumber,street,district,city,county,state,postcode,country,\
countrycode,outcome,refreshed_at
52.1234567,-0.5,"{LABEL}",,12,High Street,Old Town,Bath,Somerset,England,BA1 2QR,United Kingdom,\
GB,found,1790000000
57.3,-4.45,,"Loch ""Ness"" ⟨湖⟩",,,,,,Scotland,,United Kingdom,GB,found,1790000000
-17.75,180,"Somewhere, Fiji",,,,,,,,,Fiji,fj,found,1790000000
2,2,,,,,,,,,,,,none,1790000000
"""
ADDRESS = {"house_number": "12", "road": "High Street", "suburb": "Old Town", "city": "Bath",
           "county": "Somerset", "state": "England", "postcode": "BA1 2QR",
           "country": "United Kingdom", "country_code": "gb"}


@pytest.fixture(scope="module")
def served():
    """A refreshd that serves ROWS; its HOST:PORT is .http."""
    with Refreshd() as daemon:
        daemon.http = f"127.0.0.1:{free_port()}"
        daemon.configure(http__listen=daemon.http)
        loaded = subprocess.run([REFRESHCTL, "--cache", daemon.cache, "cache", "import", "-"],
                                input=ROWS.encode(), capture_output=True)
        assert loaded.returncode == 0, loaded.stderr
        yield daemon.start()


# --- geopy -------------------------------------------------------------------------------


@pytest.fixture
def geopy(served):
    return Nominatim(user_agent="refreshd-test", domain=served.http, scheme="http", timeout=30)


def test_geopy_hit(geopy):
    found = geopy.reverse(HOUSE)
    assert found.address == LABEL
    assert (found.latitude, found.longitude) == (52.1234567, -0.5)
    assert found.raw["address"] == ADDRESS
    assert isinstance(found.raw["lat"], str) and isinstance(found.raw["lon"], str)
    assert next(iter(found.raw)) == "place_id"
    assert [one.address for one in geopy.reverse(HOUSE, exactly_one=False)] == [LABEL]
    assert geopy.reverse("-17.75, 180").address == "Somewhere, Fiji"
    assert geopy.reverse("-17.75, -180").longitude == -180


def test_geopy_options(geopy):
    found = geopy.reverse(HOUSE, zoom=10, language="de", namedetails=True)
    assert found.address == "Bath, Somerset, England, United Kingdom"
    assert found.raw["address"] == {key: ADDRESS[key] for key in
                                    ("city", "county", "state", "country", "country_code")}
    assert geopy.reverse(HOUSE, zoom=3).raw["address"] == {"country": "United Kingdom",
                                                           "country_code": "gb"}
    assert "house_number" not in geopy.reverse(HOUSE, zoom=17).raw["address"]
    assert "address" not in geopy.reverse(HOUSE, addressdetails=False).raw
    assert geopy.reverse(LAKE).raw["name"] == 'Loch "Ness" ⟨湖⟩'


def test_geopy_miss_and_bad_question(geopy):
    assert geopy.reverse(NOWHERE) is None
    assert geopy.reverse((2, 2)) is None
    with pytest.raises(GeocoderQueryError):
        geopy.reverse(HOUSE, zoom="near")


# --- ruby-geocoder -----------------------------------------------------------------------

RUBY = """
require 'geocoder'
require 'json'
host, lat, lon, params = ARGV
Geocoder.configure(lookup: :nominatim, use_https: false, always_raise: :all, timeout: 30,
                   nominatim: {host: host})
begin
  result = Geocoder.search([lat.to_f, lon.to_f], params: JSON.parse(params)).first
  puts JSON.generate(
    data: result.data, address: result.address,
    parts: result.data['address'] && {
      house_number: result.house_number, road: result.street, suburb: result.suburb,
      city: result.city, county: result.county, state: result.state, postcode: result.postal_code,
      country: result.country, country_code: result.country_code },
    poi: result.data['address'] && result.poi,
    viewport: result.data['boundingbox'] && result.viewport,
    coordinates: result.coordinates, place_class: result.place_class)
rescue Geocoder::Error => error
  puts JSON.generate(error: error.class.name)
end
"""


@pytest.fixture
def ruby(served):
    def search(point, **params):
        done = subprocess.run(["ruby", "-e", RUBY, served.http, *map(str, point),
                               json.dumps(params)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return search


def test_ruby_hit(ruby):
    found = ruby(HOUSE)
    assert found["address"] == LABEL
    assert found["parts"] == ADDRESS
    assert found["coordinates"] == [52.1234567, -0.5]
    assert found["place_class"] == "place"
    south, west, north, east = found["viewport"]
    assert south < 52.1234567 < north and west < -0.5 < east
    assert ruby(LAKE)["poi"] == 'Loch "Ness" ⟨湖⟩'
    assert ruby(HOUSE, zoom=17)["parts"] == {**ADDRESS, "house_number": None}


def test_ruby_miss_and_bad_question(ruby):
    missed = ruby(NOWHERE)
    assert missed["data"] == {"error": "Unable to geocode"} and missed["address"] is None
    assert ruby((91, 0)) == {"error": "Geocoder::InvalidRequest"}
    assert ruby(HOUSE, zoom="near") == {"error": "Geocoder::InvalidRequest"}


# --- geocode-glib ------------------------------------------------------------------------

GLIB = """
import json, sys
import gi
gi.require_version("GeocodeGlib", "2.0")
from gi.repository import GeocodeGlib, GLib, GObject

def number(text):
    value = GObject.Value()
    value.init(GObject.TYPE_DOUBLE)
    value.set_double(float(text))
    return value

backend = GeocodeGlib.Nominatim.new("http://" + sys.argv[1], "somebody@example.org")
try:
    place, = backend.reverse_resolve({"lat": number(sys.argv[2]), "lon": number(sys.argv[3])})
    names = ("name", "building", "street", "street_address", "area", "town", "county", "state",
             "postal_code", "country", "country_code")
    result = {name: getattr(place, "get_" + name)() for name in names}
    result["point"] = [place.get_location().get_latitude(), place.get_location().get_longitude()]
    result["box"] = [getattr(place.get_bounding_box(), "get_" + side)()
                     for side in ("bottom", "top", "left", "right")]
except GLib.Error as error:
    result = {"error": error.message, "domain": error.domain}
print(json.dumps(result))
"""


@pytest.fixture
def glib(served, tmp_path):
    def resolve(lat, lon):
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
        done = subprocess.run([sys.executable, "-c", GLIB, served.http, str(lat), str(lon)],
                              capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return resolve


def test_glib_hit(glib):
    found = glib(*HOUSE)
    assert found.pop("name") in ("12 High Street", "High Street 12")
    assert found.pop("street_address") in ("12 High Street", "High Street 12")
    south, north, west, east = found.pop("box")
    assert south < 52.1234567 < north and west < -0.5 < east
    assert found == {"building": "12", "street": "High Street", "area": "Old Town", "town": "Bath",
                     "county": "Somerset", "state": "England", "postal_code": "BA1 2QR",
                     "country": "United Kingdom", "country_code": "GB",
                     "point": [52.1234567, -0.5]}
    lake = glib(*LAKE)
    assert lake["name"] == 'Loch "Ness" ⟨湖⟩' and lake["state"] == "Scotland"
    assert glib(-17.75, 180)["country"] == "Fiji"


def test_glib_miss_and_bad_question(glib):
    assert glib(*NOWHERE) == {"error": "Unable to geocode", "domain": "geocode_error"}
    assert glib(1e-300, -1e-300)["error"] == "Unable to geocode"
    for lat, lon in ((91, 0), (0, 180.5), ("nan", 0), (0, "inf")):
        assert glib(lat, lon)["error"] == "Bad Request"


# --- refreshd itself ---------------------------------------------------------------------


def test_a_refreshd_that_asks_another(served):
    """Everything but the names of places that Nominatim names by their finest part."""
    with Refreshd() as asking:
        asking.configure(geocoder__provider="nominatim", geocoder__url=f"http://{served.http}")
        rows = ",".join(COLUMNS[:2]) + ",label,country,refreshed_at\n" + "".join(
            f"{lat},{lon},old,Oldland,1\n" for lat, lon in ((52.1234567, -0.5), (57.3, -4.45)))
        loaded = subprocess.run([REFRESHCTL, "--cache", asking.cache, "cache", "import", "-"],
                                input=rows.encode(), capture_output=True)
        assert loaded.returncode == 0, loaded.stderr
        asking.start()
        asking.ctl("start", "--wait", check=False)
        asking.wait_state("held", "idle")
        if asking.status()["state"] == "held":  # every country has changed
            asking.ctl("publish", "--force")
            asking.wait_state("idle")
        answers = asking.export()
        house = answers[(521234567, -5000000)]
        assert [house[name] for name in COLUMNS[2:13]] == [
            LABEL, "", "12", "High Street", "Old Town", "Bath", "Somerset", "England", "BA1 2QR",
            "United Kingdom", "gb"]
        lake = answers[(573000000, -44500000)]
        assert lake["name"] == 'Loch "Ness" ⟨湖⟩' and lake["state"] == "Scotland"
        assert lake["label"] == 'Loch "Ness" ⟨湖⟩, Scotland, United Kingdom'
