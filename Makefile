# Every habit has a target. `make` alone lists them.
CARGO ?= cargo
PREFIX ?= /usr/local
TARGET_DIR ?= $(or $(CARGO_TARGET_DIR),target)
# The target whose C library is linked in. Only this one is tested.
STATIC ?= x86_64-unknown-linux-gnu
# Of `make vm` a part only: VM='--kernel 6.12 --mode hybrid'.
VM ?=
# Of `make fuzz` one target only, and for how many seconds each runs: FUZZ=rpm FUZZ_SECONDS=60.
FUZZ ?=
FUZZ_SECONDS ?= 600
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# What it builds is static, and where it was built is not to be seen in it.
SEALED = CARGO='$(CARGO)' build/sealed.sh $(STATIC)
DIST = preflight-$(VERSION)-$(firstword $(subst -, ,$(STATIC)))-linux

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12
build: ## the release binary, target/release/preflight
	$(CARGO) build --release --locked
test: ## all tests
	$(CARGO) test --workspace
lint: ## formatting and lints, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
deny: ## licences, bans and sources of what comes from others, and known weaknesses where RustSec's database can be had (needs cargo-deny)
	$(CARGO) deny --offline check licenses bans sources
	@if $(CARGO) deny fetch db; then $(CARGO) deny --offline check advisories; \
	else echo "deny: ADVISORIES WERE NOT CHECKED: RustSec's database can't be had here" >&2; fi
docs: ## the reference of the code, target/doc/preflight/index.html
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --lib
book: ## the book, target/book/index.html (needs mdbook)
	mdbook build docs
install: ## install what `make build` built: PREFIX (/usr/local) below DESTDIR
	@test -x $(TARGET_DIR)/release/preflight || { echo 'nothing to install yet: run `make build` first' >&2; exit 1; }
	install -D -m 755 $(TARGET_DIR)/release/preflight $(DESTDIR)$(PREFIX)/bin/preflight
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/preflight README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 share/*.1
	install -D -m 644 share/preflight.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/preflight
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/zsh/site-functions share/_preflight
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d share/preflight.fish
dist: image ## that file, packed as .deb and .rpm (docs/packages.md), and an image of containers (docs/kubernetes.md), in dist/
	build/packages.py dist/$(DIST)
image: static ## that file as an image of containers, in dist/
	build/image.py dist/$(DIST) >dist/$(DIST).oci.tar
static: ## one static file for any x86-64 Linux, its SHA-256, and what is linked into it (CycloneDX), in dist/
	$(SEALED) build --release
	install -D -m 755 $(TARGET_DIR)/$(STATIC)/release/preflight dist/$(DIST)
	cd dist && sha256sum $(DIST) >$(DIST).sha256
	build/sbom.py dist/$(DIST) $(STATIC) >dist/$(DIST).cdx.json
dist-repro: static ## build that file once more, elsewhere, and compare the bytes (as long as `make static` from nothing)
	build/repro.sh dist/$(DIST)
layout: ## learn anew what usual runs execute, for the layout of that file (needs valgrind)
	PREFLIGHT_KEEP_SYMBOLS=1 $(SEALED) build --release
	build/layout.py $(TARGET_DIR)/$(STATIC)/release/preflight
dist-test: static ## run that file in an empty chroot with only /proc and /sys (root or user namespaces), and panic as it would
	$(SEALED) build --release --example panics
	$(TARGET_DIR)/$(STATIC)/release/examples/panics
	tests/dist.sh dist/$(DIST)
pack-test: dist ## install, upgrade and remove the packages in roots of their own, and boot a systemd with their unit (root, Debian)
	tests/deploy/packages.py dist/$(DIST)
image-test: image ## run the image under runc as configs/deploy/kubernetes says, and judge the manifests (root, Debian)
	tests/deploy/image.py dist/$(DIST)
	tests/deploy/kubernetes.py dist/$(DIST)
bootstrap-test: static ## boot, build images and scrape with that file as configs/deploy says: cloud-init, Cluster API, kubeadm, Packer, Prometheus (root, Debian)
	tests/deploy/bootstrap-tools
	tests/deploy/bootstrap.py dist/$(DIST)
ansible-test: static ## run the Ansible role with that file against hosts in namespaces, with real sshd (root, Debian)
	tests/deploy/ansible-tools
	tests/deploy/ansible.py dist/$(DIST)
bench: static ## how long whole runs of that file take, beside a floor, and which budgets hold (docs/bench.md)
	build/bench.py dist/$(DIST)
vm: static ## boot real kernels in QEMU with that file: cgroup states, proofs and kills against their memory (Debian only)
	tests/vm/run.py $(VM) dist/$(DIST)
fuzz: ## feed every parser with what no node would say, ten minutes each: FUZZ=TARGET FUZZ_SECONDS=N (CONTRIBUTING.md)
	fuzz/run $(FUZZ_SECONDS) $(FUZZ)
clean: ## remove what was built
	$(CARGO) clean
	rm -rf dist fuzz/target
.PHONY: help build test lint deny docs book install dist image static dist-repro layout dist-test pack-test image-test bootstrap-test ansible-test bench vm fuzz clean
