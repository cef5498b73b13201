"""The peers' side of the bench: run in an environment that has them, prints JSON.

`FILE`: recall of the cues in it by Hebb's couplings, one by one where a library's manual has
it so; a few of them, and the time is scaled to all. `scan N P trials`: one trial of a
capacity scan.
"""

import json
import sys
import time

import numpy as np


def hopfieldnetwork(patterns, mode):
    from hopfieldnetwork import HopfieldNetwork

    network = HopfieldNetwork(N=patterns.shape[1])
    network.train_pattern(patterns.T)

    def recall(cues):
        for cue in cues:
            network.set_initial_neurons_state(cue)
            network.update_neurons(iterations=1, mode=mode, run_max=True)

    return recall


def hopfieldkit(patterns):
    from hopfieldkit.hebbian import HopfieldNetwork

    network = HopfieldNetwork(patterns.shape[1]).fit(patterns)
    return lambda cues: [network.recall(cue, seed=0) for cue in cues]


def dhnn(patterns):
    """Its usual 1000 updates of a random spin: two sweeps of 500, fixed point or not."""
    from dhnn import DHNN

    network = DHNN(nflag=-1)
    network.train(patterns.astype(np.float64))
    return lambda cues: network.predict(cues.astype(np.float64), theta=0)


def canns(patterns):
    from canns.models.brain_inspired import AmariHopfieldNetwork
    from canns.trainer import HebbianTrainer

    trainer = HebbianTrainer(AmariHopfieldNetwork(num_neurons=patterns.shape[1]))
    trainer.train(list(patterns.astype(np.float32)))
    return lambda cues: trainer.predict_batch(
        list(cues.astype(np.float32)), num_iter=10, show_sample_progress=False
    )


def recall(file):
    """Seconds of each library, of one dynamics and the other."""
    with np.load(file) as problem:
        patterns, cues = problem["patterns"], problem["cues"]
    synchronous = {"hopfieldnetwork": (hopfieldnetwork(patterns, "sync"), len(cues))}
    asynchronous = {
        "hopfieldnetwork": (hopfieldnetwork(patterns, "async"), 32),
        "hopfieldkit": (hopfieldkit(patterns), len(cues)),
        "dhnn": (dhnn(patterns), len(cues)),
        "canns": (canns(patterns), 4),
    }

    def least(run, few):
        return min(seconds(lambda: run(cues[:few].copy())) for _ in range(3)) * len(cues) / few

    both = {"synchronous": synchronous, "asynchronous": asynchronous}
    return {name: {k: least(*one) for k, one in peers.items()} for name, peers in both.items()}


def scan(size, patterns, trials):
    """Seconds of one trial of hopfieldkit's capacity scan."""
    from hopfieldkit.capacity import empirical_capacity_scan

    def run():
        empirical_capacity_scan(size, [patterns], n_trials=trials, seed=0)

    return {"hopfieldkit": min(seconds(run) for _ in range(5)) / trials}


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    first, *rest = sys.argv[1:]
    print(json.dumps(scan(*map(int, rest)) if first == "scan" else recall(first)))


if __name__ == "__main__":
    main()
