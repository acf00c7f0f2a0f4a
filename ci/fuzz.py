#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the libFuzzer programs of test/fuzz (with clang, beside the ordinary build) and runs each for a while on its corpus.

    fuzz.py --build DIR [--seconds N] [--target NAME]... [--jobs N] [--keep]

An input that breaks something is left in DIR/fuzz/NAME-crash-*. --keep adds what covers something new to the corpus in test/fuzz/corpus/NAME."""

import argparse
import concurrent.futures
import glob
import os
import subprocess
import sys
import tempfile

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORPUS = os.path.join(REPOSITORY, "test", "fuzz", "corpus")


def build_targets(build):
    configure = ["cmake", "-S", REPOSITORY, "-B", build, "-G", "Ninja", "-DBULKHEAD_FUZZ=ON", "-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++",
                 "-DCMAKE_CXX_FLAGS=-w"]  # warnings are looked at in the ordinary build
    for command in (configure, ["ninja", "-C", build, "fuzz"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-6000:]}{done.stderr[-3000:]}")
    return {os.path.basename(path)[len("fuzz_"):]: path for path in sorted(glob.glob(os.path.join(build, "fuzz", "fuzz_*")))}


def run(name, program, seconds, build, keep):
    corpus = os.path.join(CORPUS, name)
    os.makedirs(corpus, exist_ok=True)
    with tempfile.TemporaryDirectory() as found:
        done = subprocess.run([program, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", "-max_len=4096", "-len_control=0",
                               "-print_final_stats=1",
                               f"-artifact_prefix={os.path.join(build, 'fuzz', name)}-", found, corpus],
                              capture_output=True, text=True, errors="replace", check=False)
        if keep and done.returncode == 0:
            subprocess.run([program, "-merge=1", corpus, found], capture_output=True, check=False)
    runs = [line.split()[-1] for line in done.stderr.splitlines() if line.startswith("stat::number_of_executed_units")]
    good = done.returncode == 0 and runs and int(runs[0]) > 0
    print(f"{'pass' if good else 'FAIL'}  fuzz {name}: {runs[0] if runs else 'no'} inputs", flush=True)
    if not good:
        print("      " + done.stderr[-5000:].replace("\n", "\n      "), flush=True)
    return bool(good)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(REPOSITORY, "build", "fuzz"))
    parser.add_argument("--seconds", type=int, default=60, help="for each program")
    parser.add_argument("--target", action="append", help="this program only (can be repeated)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    targets = build_targets(build)
    unknown = set(options.target or ()) - set(targets)
    if unknown:
        sys.exit(f"there is no fuzz target {', '.join(sorted(unknown))}; there are {', '.join(targets)}")
    chosen = {name: path for name, path in targets.items() if not options.target or name in options.target}
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        good = list(pool.map(lambda item: run(*item, options.seconds, build, options.keep), chosen.items()))
    print(f"fuzz: {sum(good)} passed, {len(good) - sum(good)} failed")
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
