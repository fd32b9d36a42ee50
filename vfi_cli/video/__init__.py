"""Video files and images: reading, copying of streams, writing.

Rooms, from the bottom to the top: `container`, `demux`, `timestamps`, `properties`, `image`, `read`, `streams`,
`location`, `write`.
"""
