# `make` builds everything; `make demo` is the main job. See README.md.
GO     ?= go
BIN    ?= bin
CMDS   := $(patsubst cmd/%/main.go,%,$(wildcard cmd/*/main.go))
AGENTS := $(filter sdr-serve sabertooth-fetch payload,$(CMDS))
HOST   := $(addprefix $(BIN)/,$(CMDS))
# FLIGHT_ARCH=arm builds for DEXTER.
FLIGHT_ARCH ?= arm64
FLIGHT := $(addprefix $(BIN)/linux-$(FLIGHT_ARCH)/,$(AGENTS))
UPLINK := $(addprefix $(BIN)/uplink/,$(AGENTS))

# The commit that last touched what flies, so that a change elsewhere does not
# cost days of uplink for the same program under a new hash.
COMMIT  = $(shell scripts/flight-commit)
VERSION = $(shell sed -n 's/^## \([0-9.]*\).*/\1/p;T;q' CHANGELOG.md)
STAMP   = -X payload-ipc/pkg/flight/agent.Version=$(VERSION) -X payload-ipc/pkg/flight/agent.Commit=$(COMMIT)
# No inlining: 10 % off the packed size, and traces stay readable. The older
# collector: another 1 %; these heaps are small. pkg/flight/overlay/README.md has the rest.
FLY     = CGO_ENABLED=0 GOOS=linux GOARCH=$(FLIGHT_ARCH) GOEXPERIMENT=nogreenteagc $(GO) build -trimpath -buildvcs=false \
          -overlay=$(BIN)/overlay.json -gcflags=all=-l -ldflags='-s -w -buildid= $(STAMP)'

all: $(HOST) payload
payload: $(FLIGHT)
uplink: $(UPLINK)

$(HOST): $(BIN)/%: FORCE
	$(GO) build -o $@ -ldflags='$(STAMP)' ./cmd/$*

# An unchanged program keeps its old file, so that it is not packed again.
$(FLIGHT): $(BIN)/linux-$(FLIGHT_ARCH)/%: $(BIN)/overlay.json $(BIN)/pack FORCE
	$(FLY) -o $@.new ./cmd/$*
	$(BIN)/pack strip $@.new
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# The same program with its symbols and lines, for scripts/size and scripts/trace.
$(addprefix $(BIN)/twin/,$(AGENTS)): $(BIN)/twin/%: $(BIN)/overlay.json FORCE
	$(subst -s -w,-w,$(FLY)) -o $@ ./cmd/$*

$(BIN)/overlay.json: FORCE
	mkdir -p $(BIN) && pkg/flight/overlay/overlay >$@

$(UPLINK): $(BIN)/uplink/%: $(BIN)/linux-$(FLIGHT_ARCH)/% scripts/pack scripts/unpack.sh $(wildcard pkg/ground/pack/*.go) | $(BIN)/pack
	PACK=$(BIN)/pack scripts/pack $< $@

test:
	scripts/peers built
	scripts/test

peers:
	scripts/peers

# make update FROM=v0.1.0: patches against what that version sent
update: uplink
	scripts/update $(FROM)

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

# All three, short; fails on a lie, an overrun, a loss, a leak or a wrong file.
check-evidence: all uplink peers
	scripts/campaign short

fuzz:
	scripts/fuzz

# make deploy SAT_ID=FM1 [ARGS=--dry-run], the token in SPIRE_AUTH_TOKEN
deploy: $(BIN)/ground uplink
	./deploy $(ARGS) - $(SAT_ID)

clean:
	rm -rf $(BIN)

.PHONY: all payload uplink update test peers size demo bench campaign soak check-evidence fuzz deploy clean FORCE
