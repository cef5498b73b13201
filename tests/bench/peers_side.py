"""The peers' side of the bench: run in an environment that has them, prints JSON.

Store P patterns by Hebb's rule and relax cues one by one, as each library's manual has it; a
few of them, and the time is scaled to all. `scan N P trials`: one trial of a capacity scan.
"""

import json
import sys
import time

import numpy as np


def hopfieldnetwork(patterns, cues):
    from hopfieldnetwork import HopfieldNetwork

    network = HopfieldNetwork(N=patterns.shape[1])
    network.train_pattern(patterns.T)
    for cue in cues:
        network.set_initial_neurons_state(cue.copy())
        network.update_neurons(iterations=1, mode="async", run_max=True)


def hopfieldkit(patterns, cues):
    from hopfieldkit.hebbian import HopfieldNetwork

    network = HopfieldNetwork(patterns.shape[1]).fit(patterns)
    for cue in cues:
        network.recall(cue, seed=0)


def canns(patterns, cues):
    from canns.models.brain_inspired import AmariHopfieldNetwork
    from canns.trainer import HebbianTrainer

    network = AmariHopfieldNetwork(num_neurons=patterns.shape[1])
    trainer = HebbianTrainer(network)
    trainer.train(list(patterns.astype(np.float32)))
    trainer.predict_batch(list(cues.astype(np.float32)), num_iter=10, show_sample_progress=False)


def scan(size, patterns, trials):
    """Seconds of one trial of hopfieldkit's capacity scan."""
    from hopfieldkit.capacity import empirical_capacity_scan

    times = []
    for seed in range(5):
        start = time.perf_counter()
        empirical_capacity_scan(size, [patterns], n_trials=trials, seed=seed)
        times.append((time.perf_counter() - start) / trials)
    print(json.dumps({"hopfieldkit": min(times)}))


def main():
    if sys.argv[1] == "scan":
        scan(*map(int, sys.argv[2:]))
        return
    with np.load(sys.argv[1]) as problem:
        patterns, cues = problem["patterns"], problem["cues"]
    found = {}
    for peer, few in ((hopfieldnetwork, 40), (hopfieldkit, 40), (canns, 10)):
        times = []
        for _ in range(2):
            start = time.perf_counter()
            peer(patterns, cues[:few])
            times.append(time.perf_counter() - start)
        found[peer.__name__] = min(times) * len(cues) / few
    print(json.dumps(found))


if __name__ == "__main__":
    main()
