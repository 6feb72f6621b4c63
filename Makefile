# `make` builds everything; `make demo` is the main job. See README.md.
GO     ?= go
BIN    ?= bin
CMDS   := $(patsubst cmd/%/main.go,%,$(wildcard cmd/*/main.go))
AGENTS := $(filter sdr-serve sabertooth-fetch payload,$(CMDS))
HOST   := $(addprefix $(BIN)/,$(CMDS))
# FLIGHT_ARCH=arm builds for DEXTER, into directories of its own.
FLIGHT_ARCH ?= arm64
export BIN GO FLIGHT_ARCH FROM
unexport GOROOT GOOS GOARCH # the commands that stay here run here
OTHER  := $(if $(filter-out arm64,$(FLIGHT_ARCH)),-$(FLIGHT_ARCH))
FLIGHT := $(addprefix $(BIN)/linux-$(FLIGHT_ARCH)/,$(AGENTS))
UPLINK := $(addprefix $(BIN)/uplink$(OTHER)/,$(AGENTS))

# What flies is stamped with what it is made of; what stays here, with all that flies.
stamp   = $(or $(COMMIT),$$(scripts/flight-stamp $(FLIGHT_ARCH) $(1)))
VERSION = $(shell sed -n 's/^## \([0-9.]*\).*/\1/p;T;q' CHANGELOG.md)
STAMP   = -X payload-ipc/pkg/flight/agent.Version=$(VERSION) -X payload-ipc/pkg/flight/agent.Commit=$$stamp

all: $(HOST) payload
payload: $(FLIGHT)
uplink: $(UPLINK)

$(HOST): $(BIN)/%: FORCE
	stamp=$(call stamp,$(or $(filter $*,$(AGENTS)),payload)) && $(GO) build -buildvcs=false -o $@ -ldflags="$(STAMP)" ./cmd/$*

# An unchanged program keeps its old file, so that it is not packed again.
$(FLIGHT): $(BIN)/linux-$(FLIGHT_ARCH)/%: $(BIN)/pack FORCE
	stamp=$(call stamp,$*) && scripts/fly $(FLIGHT_ARCH) build -ldflags="-s -w -buildid= $(STAMP)" -o $@.new ./cmd/$*
	$(BIN)/pack strip $@.new
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# The same program with its symbols and lines, for scripts/size and scripts/trace.
$(addprefix $(BIN)/twin$(OTHER)/,$(AGENTS)): $(BIN)/twin$(OTHER)/%: FORCE
	stamp=$(call stamp,$*) && scripts/fly $(FLIGHT_ARCH) build -ldflags="-w -buildid= $(STAMP)" -o $@ ./cmd/$*

$(UPLINK): $(BIN)/uplink$(OTHER)/%: $(BIN)/linux-$(FLIGHT_ARCH)/% scripts/pack scripts/unpack.sh $(wildcard pkg/ground/pack/*.go pkg/ground/pack/stub/*) | $(BIN)/pack
	scripts/pack $< $@

test:
	scripts/peers built
	scripts/test

peers:
	scripts/peers

# make update FROM=0.1.0: patches against what that version sent
update: uplink
	scripts/update "$$FROM"

# The version that CHANGELOG.md begins with, built twice, into docs/releases.tsv: docs/release.md
release:
	scripts/release

size: uplink
	scripts/size $(UPLINK)

demo: all uplink peers
	scripts/rehearse

# The agents beside their peers, and many passes with faults: docs/evidence.md. make campaign ARGS=--help
bench campaign: all uplink peers
	$(BIN)/$@ $(ARGS)

# Windows back to back, for an hour.
soak: all uplink peers
	$(BIN)/campaign --soak 1h $(ARGS)

# What flies, on two emulated arm64 machines whose power is cut: docs/evidence.md. VM_KERNEL=FILE boots another kernel.
rehearse-vm: $(BIN)/rehearse-vm uplink
	scripts/peers vm
	scripts/vm-image
	$(BIN)/$@ $(ARGS)

# bench, campaign and soak, short; fails on a lie, an overrun, a loss, a leak or a wrong file.
check-evidence: all uplink peers
	scripts/campaign short

fuzz:
	scripts/fuzz

# make deploy SAT_ID=FM1 [ARGS=--dry-run], the token in SPIRE_AUTH_TOKEN
deploy:
	@[ -n "$(SAT_ID)" ] || { echo "make deploy: the satellite is missing; give it as in make deploy SAT_ID=FM1" >&2; exit 2; }
	./deploy $(ARGS) - $(SAT_ID)

# The manual of ground, from the same source as its --help: man -l bin/man/ground-deploy.1
man: $(BIN)/ground
	$(BIN)/ground man $(BIN)/man

clean:
	rm -rf $(BIN)

.PHONY: all payload uplink update release test peers size demo bench campaign soak rehearse-vm check-evidence fuzz deploy man clean FORCE
