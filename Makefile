# make            build ./vmapd
# make demo       build, fill an embedded database, start the daemon, ask it; Go is all it needs
# make test       install what the tests need (as root, Debian's packages) and run them all
# make check      formatting, vet, linters, known holes, generated files
# make race       all tests under the race detector
# make fuzz       every fuzz target, FUZZTIME each
# make properties the tests that draw their cases at random, with new ones, CHECKS each
# make bench      ratios against do-nothing servers, Postfix's own pgsql: maps and Dovecot's own logins
# make drill      hold all failure drills, and print what clients saw of each (docs/failure-modes.md)
# make packages   .deb and .rpm for amd64 and arm64, in dist (docs/install.md)
# make test-packages  install, upgrade, remove and purge them in a clean Debian
# make test-quickstart  follow docs/quickstart.md in a clean Debian, and receive, send and read mail
# make generate   write the generated documentation again

GO          ?= go
FUZZTIME    ?= 2m
CHECKS      ?= 1000
GOFUMPT     ?= mvdan.cc/gofumpt@v0.12.0
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI    ?= github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VULNCHECK   ?= golang.org/x/vuln/cmd/govulncheck@v1.9.0
export CGO_ENABLED ?= 0

.PHONY: build demo test check fmt lint race fuzz properties bench drill packages test-packages test-quickstart generate peers clean

build:
	$(GO) build -trimpath -o vmapd ./cmd/vmapd

demo: build
	sh contrib/demo/demo.sh ./vmapd

peers:
	sh .ci/peers

test: peers
	VMAPD_PEERS=required $(GO) test -timeout 20m ./...

check: lint
	@unformatted=$$($(GO) run $(GOFUMPT) -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "make fmt these:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags bench ./...
	$(GO) vet -tags drill ./...
	$(GO) mod verify
	$(GO) mod tidy -diff
	$(GO) run $(STATICCHECK) ./...
	$(GO) test -run '^(TestImports|TestGenerated.*|TestContribPostfix|TestPackages)$$' . ./cmd/vmapd
# 3: something was found. Anything else: its database could not be asked.
	@$(GO) run $(VULNCHECK) ./... || [ $$? != 3 ] || exit 1

fmt:
	$(GO) run $(GOFUMPT) -w $$(git ls-files '*.go')

lint:
	$(GO) run $(GOLANGCI) run ./...
	$(GO) run $(GOLANGCI) run --build-tags bench,drill ./cmd/vmapd

# The race detector needs cgo.
race: peers
	CGO_ENABLED=1 VMAPD_PEERS=required $(GO) test -race -timeout 40m ./...

# go test fuzzes one target of one package at a time.
fuzz:
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

# make test draws the same cases every time (internal/property).
properties: peers
	VMAPD_PEERS=required VMAPD_SEED=random $(GO) test -count 1 -timeout 120m \
	  $$($(GO) list -f '{{range .TestImports}}{{if eq . "pgregory.net/rapid"}}{{$$.ImportPath}}{{end}}{{end}}{{range .XTestImports}}{{if eq . "pgregory.net/rapid"}}{{$$.ImportPath}}{{end}}{{end}}' ./... | grep . | uniq) \
	  -rapid.checks=$(CHECKS)

bench: peers
	VMAPD_PEERS=required $(GO) test -tags bench -run TestBench -count 1 -v -timeout 60m ./cmd/vmapd

drill: peers
	VMAPD_PEERS=required $(GO) test -tags drill -run '^Test(AllDrills|DovecotDrills|DovecotLists|DKIMDrills|Migration)$$' -count 1 -v -timeout 90m ./cmd/vmapd

packages:
	GO="$(GO)" sh contrib/packages/build.sh

# As root. Two versions of one tree: what is tested is the way from one to the
# other.
test-packages:
	sh .ci/peers packages
	rm -rf dist/test
	for version in 0.0.1 0.0.2; do VERSION=$$version DIST=dist/test GO="$(GO)" sh contrib/packages/build.sh $$($(GO) env GOHOSTARCH); done
	FULL=1 sh contrib/packages/test.sh dist/test/vmapd_0.0.1_*.deb dist/test/vmapd_0.0.2_*.deb

# As root.
test-quickstart:
	sh .ci/peers packages
	rm -rf dist/quickstart
	DIST=dist/quickstart GO="$(GO)" sh contrib/packages/build.sh $$($(GO) env GOHOSTARCH)
	$(GO) test -tags drill -c -o dist/quickstart/judge ./cmd/vmapd
	sh contrib/packages/quickstart.sh dist/quickstart/vmapd_*.deb dist/quickstart/judge

generate:
	$(GO) run ./cmd/vmapd/internal/gendocs docs contrib/dovecot
	$(GO) run ./cmd/vmapd manual --markdown >docs/commands.md
	$(GO) test ./cmd/vmapd -run TestContribPostfix -update-contrib

clean:
	rm -f vmapd
