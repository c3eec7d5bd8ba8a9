# syntax=docker/dockerfile:1
# The native server: `docker build --tag aibaas .`; docs/install.md tells how to run it.

FROM rust:1.95.0-slim-bookworm AS build
# The image's own toolchain: rust-toolchain.toml names targets and tools besides, which this build does not need.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --package aibaas --bin aibaas && \
    install -D target/release/aibaas /out/aibaas && \
    install -d -m 0700 /out/data

# The C library, certificates and nothing else: no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/aibaas /usr/local/bin/aibaas
COPY --from=build --chown=65532:65532 /out/data /data
# By number, so that a cluster can see that it is not root.
USER 65532:65532
ENV ENVIRONMENT=production \
    AIBAAS_LISTEN=0.0.0.0:8787 \
    AIBAAS_DATA_DIR=/data
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --start-interval=1s CMD ["/usr/local/bin/aibaas", "health"]
ENTRYPOINT ["/usr/local/bin/aibaas"]
CMD ["serve"]
