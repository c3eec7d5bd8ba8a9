#!/bin/sh
# What Cloudflare's deploy button runs, in the project's folder: Rust where it is missing, the schema, then the code.
set -eu

if ! command -v cargo > /dev/null; then
  curl --proto '=https' --tlsv1.2 -fsS https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none
  . "$HOME/.cargo/env"
fi
wrangler d1 migrations apply DB --remote
wrangler deploy
