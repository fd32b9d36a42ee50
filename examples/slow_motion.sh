#!/bin/sh
# Two seconds of the example clip, four times slower: `sh examples/slow_motion.sh`
set -e
cd "$(dirname "$0")"
vfi interp clip.mp4 --ss 1 -t 2 --slowmo 4 -y
