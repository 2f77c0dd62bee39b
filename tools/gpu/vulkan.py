"""Where a machine's Vulkan driver is, and what the binaries need to run there."""

import ctypes.util
import glob
import json
import os
from pathlib import Path

MANIFESTS = [
    "/usr/share/vulkan/icd.d/*.json",
    "/etc/vulkan/icd.d/*.json",
    "/usr/local/share/vulkan/icd.d/*.json",
    "/usr/local/nvidia/share/vulkan/icd.d/*.json",
]
# The driver itself, where it came without a manifest.
LIBRARIES = ["libGLX_nvidia.so.0", "libnvidia-vulkan.so", "libEGL_nvidia.so.0"]
FOLDERS = ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib",
           "/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/usr/lib/wsl/lib"]


def driver_library():
    for name in LIBRARIES:
        for folder in FOLDERS:
            for path in sorted(glob.glob(f"{folder}/{name}*")):
                return path
        stem = name.removeprefix("lib").split(".so")[0]
        if found := ctypes.util.find_library(stem):
            return found
    return None


def manifest(out):
    """An NVIDIA manifest that is there, or one for the library; None: the loader may know."""
    for pattern in MANIFESTS:
        for path in glob.glob(pattern):
            if "nvidia" in path:
                return path
    library = driver_library()
    if not library:
        return None
    path = out / "nvidia_icd.json"
    icd = {"library_path": library, "api_version": "1.3.0"}
    path.write_text(json.dumps({"file_format_version": "1.0.0", "ICD": icd}))
    return str(path)


def environment(here, out):
    """That of a process of ours: what the machine lacks of our libraries comes from lib/."""
    env = dict(os.environ)
    missing = out / "lib"
    missing.mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(here, "lib").glob("*.so*")):
        there = any(Path(folder, path.name).exists() for folder in FOLDERS)
        link = missing / path.name
        link.unlink(missing_ok=True)
        if not there:
            link.symlink_to(path)
    folders = [str(missing)] + [f for f in FOLDERS if "nvidia" in f and Path(f).exists()]
    env["LD_LIBRARY_PATH"] = ":".join(folders + [env.get("LD_LIBRARY_PATH", "")]).rstrip(":")
    if "VK_ICD_FILENAMES" not in env and "VK_DRIVER_FILES" not in env:
        if found := manifest(out):
            env["VK_ICD_FILENAMES"] = env["VK_DRIVER_FILES"] = found
    return env
