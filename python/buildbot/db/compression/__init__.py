"""Ways of compressing logs."""

from buildbot._host.elsewhere import elsewhere

__getattr__ = elsewhere(
    __name__,
    "BZipCompressor BrotliCompressor CompressorInterface GZipCompressor LZ4Compressor "
    "ZStdCompressor",
)
