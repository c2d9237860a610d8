# make play    set up, build and play
# make test    set up, build and run every test: the gate
# The first build takes some minutes; after it, play starts at once.

export PATH := $(PATH):$(HOME)/.cargo/bin
# JACK's headers are optional: with them the program has its own sample-exact JACK MIDI port.
FEATURES = $(shell pkg-config --exists jack 2>/dev/null && echo "--features jack")
CARGO ?= cargo

.PHONY: play test check setup setup-test docs bench picture clean

setup:
	@tools/setup play

setup-test:
	@tools/setup test

play: setup
	@$(MAKE) --no-print-directory .play

.PHONY: .play .test
.play:
	@$(CARGO) build --release --locked $(FEATURES) && exec $${CARGO_TARGET_DIR:-./target}/release/ricercar $(ARGS)

test: setup-test
	@$(MAKE) --no-print-directory .test

.test:
	$(CARGO) test --release --locked $(FEATURES)

# What CI asks for besides the tests.
check: setup
	$(CARGO) fmt --check
	$(CARGO) clippy --release --locked $(FEATURES) --all-targets -- -D warnings
	$(CARGO) check --release --locked --no-default-features

# Generated documentation, expected pictures of the screen.
docs:
	UPDATE_DOCS=1 INSTA_UPDATE=always $(CARGO) test --release --locked $(FEATURES)

bench: setup
	@$(CARGO) build --release --locked $(FEATURES) && exec $${CARGO_TARGET_DIR:-./target}/release/ricercar bench

clean:
	$(CARGO) clean
