# One static binary and the certificates to call the chat provider with; no shell, no package manager.
#
#   docker build -t warroom .
#
# How to run it: docs/container.md.

ARG RUST_IMAGE=rust:1.95-bookworm

FROM ${RUST_IMAGE} AS build
WORKDIR /src
# Statically linked: the final image has no C library. The target is named, so that this does not apply to
# procedural macros, which the compiler has to load.
ENV RUSTFLAGS="-C target-feature=+crt-static"

# The dependencies alone first: they stay in the cache while only our own code changes.
COPY Cargo.toml Cargo.lock ./
# Named in the manifest, so they have to be there; they are not built.
COPY benches benches
RUN mkdir src \
 && echo '//! Nothing yet.' > src/lib.rs \
 && printf '//! Nothing yet.\nfn main() {}\n' > src/main.rs \
 && cargo build --locked --profile release-image --target "$(uname -m)-unknown-linux-gnu" \
 && rm -r src

COPY config config
COPY src src
# The copies may be older than the empty files above, which would count as unchanged.
RUN touch src/lib.rs src/main.rs \
 && cargo build --locked --profile release-image --target "$(uname -m)-unknown-linux-gnu" \
 && mkdir -p /image/data /image/etc/warroom /image/etc/ssl/certs /image/tmp \
 && cp "target/$(uname -m)-unknown-linux-gnu/release-image/warroom" /image/warroom \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
 && chmod 1777 /image/tmp \
 && chown 65532:65532 /image/data

FROM scratch
COPY --from=build /image /
# By number, because there is no list of users.
USER 65532:65532
ENV WARROOM_CONFIG=/etc/warroom/warroom.yaml
# For `store: sqlite:/data/warroom.db`.
VOLUME /data
# The webhooks; and the console, if `server.admin` listens beyond loopback.
EXPOSE 8080 9090
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["/warroom", "healthcheck"]
ENTRYPOINT ["/warroom"]
CMD ["serve"]
