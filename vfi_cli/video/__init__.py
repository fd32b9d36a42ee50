"""Video files and images: reading, copying of streams, writing.

Packages, from the lowest layer to the highest: `container`, `demux`, `timestamps`, `properties`, `image`, `read`,
`streams`, `location`, `write`.
"""
