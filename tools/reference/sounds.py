"""Sounds that another program wrote, for runtime/io/audio.h to read and its fuzzer to begin with.

    python tools/reference/sounds.py

Writes tests/golden/io/tone.*: a quarter of a second of 440 Hz at 1/8 of full scale, which ffmpeg
(5.1, libavcodec's own FLAC, libvorbis) makes and tags. Ogg streams bear a random
number, so that a file made again differs.
"""

import subprocess
from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "tests/golden/io"
TONE = "sine=frequency=440:sample_rate=8000:duration=0.25"
TAGS = ["title=A tone", "comment=caf\u00e9 \u732b", "artist=ffmpeg"]
FILES = {
    "tone.wav": ["-c:a", "pcm_s24le"],
    "tone.flac": ["-c:a", "flac", "-sample_fmt", "s16"],
    "tone.ogg": ["-c:a", "libvorbis", "-q:a", "3"],
}


def main():
    for name, options in FILES.items():
        tags = [word for tag in TAGS for word in ("-metadata", tag)]
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", TONE, *options, *tags, OUT / name],
            check=True,
        )
        print(name, (OUT / name).stat().st_size)


if __name__ == "__main__":
    main()
