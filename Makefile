# refreshd: build, test, bench, install. `make help` lists the targets.
.DEFAULT_GOAL := all
SHELL := /bin/bash

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
OPT ?= -O2
SAN ?=
WERROR ?=

PACKAGES := gcc clang make pkg-config libuv1-dev liblmdb-dev libcjson-dev libcurl4-openssl-dev \
	libxxhash-dev libinih-dev libsystemd-dev
TEST_PACKAGES := libcmocka-dev python3 python3-pytest strace clang libclang-rt-14-dev \
	clang-format cppcheck e2fsprogs mount util-linux procps
BENCH_PACKAGES := g++ libnanoflann-dev time

LIBRARIES := libuv lmdb libcjson libcurl libxxhash inih libsystemd
WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wvla -Wformat=2 \
	-Wpointer-arith -Wwrite-strings -Wundef
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
# Recursive on purpose: the packages may be installed by the deps target of the same make.
PKG_CFLAGS = $(shell pkg-config --cflags $(LIBRARIES))
PKG_LIBS = $(shell pkg-config --libs $(LIBRARIES))
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DREFRESHD_VERSION='"$(VERSION)"' -I. -I$(BUILD)/generated \
	$(OPT) -g $(WARNINGS) $(if $(WERROR),-Werror) $(SAN_FLAGS) -pthread $(CFLAGS)
ALL_LDFLAGS = $(SAN_FLAGS) -pthread $(LDFLAGS)
LIBS = $(PKG_LIBS) -lm

# --- sources, in the order of the floors ------------------------------------
LIB_DIRS := base quadtree cachefmt config geocoder stages
LIB_SOURCES := $(foreach d,$(LIB_DIRS),$(wildcard $(d)/*.c))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
DAEMON_SOURCES := $(filter-out daemon/refreshctl%.c,$(wildcard daemon/*.c))
CTL_SOURCES := $(wildcard daemon/refreshctl*.c) daemon/protocol.c
DAEMON_OBJECTS := $(DAEMON_SOURCES:%.c=$(BUILD)/%.o)
CTL_OBJECTS := $(CTL_SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(BUILD)/librefreshd.a

.PHONY: all
all: $(BUILD)/refreshd $(BUILD)/refreshctl

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(LIBRARY): $(LIB_OBJECTS)
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/refreshd: $(DAEMON_OBJECTS) $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/refreshctl: $(CTL_OBJECTS) $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# --- unit tests: one program for each tests/unit/test_*.c ---------------------
UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
UNIT_PROGRAMS := $(UNIT_SOURCES:%.c=$(BUILD)/%)
SUPPORT_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIBRARY)
	$(CC) $(ALL_LDFLAGS) -o $@ $< $(LIBRARY) $(LIBS) -lcmocka

.PRECIOUS: $(BUILD)/%.o
.PHONY: unit
unit: $(UNIT_PROGRAMS)
	@set -e; for t in $(UNIT_PROGRAMS); do echo "== $$t"; $$t; done

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
