# The image: one static file, and an empty folder for the volume. No registry is needed:
#
#     scripts/build-static && docker build -t http-nas .
#
# Dockerfile.build builds the file in a container, too. scripts/image-archive makes the same image
# without an engine.

FROM scratch
LABEL org.opencontainers.image.title="http-nas" \
      org.opencontainers.image.description="A network store for files: write, append and read over HTTP with nothing but curl and a pipe" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
COPY dist/http-nas /http-nas
# A new volume gets its owner from here.
COPY --chown=2000:2000 dist/storage/ /mnt/storage/
ENV PATH=/ HOST=:: STORAGE_PATH=/mnt/storage
USER 2000:2000
VOLUME /mnt/storage
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --retries=3 CMD ["/http-nas", "health"]
ENTRYPOINT ["/http-nas"]
