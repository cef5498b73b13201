"""One row per study: a tiny run of it, and what it refuses."""

from typing import NamedTuple


class Row(NamedTuple):
    """tiny : options of a run of a second. refused : options, and what the error says.
    tables : words that stand in the text of a run, spaces aside. files : what a run of two samples
    writes besides the files of all runs.
    """

    tiny: str
    refused: dict[str, str]
    tables: str = "errors"
    files: str = ""


STUDIES = {
    "attractor_graph": Row(
        "--patterns 12 --sigmas 0.5,2 --draws 5",
        {
            "--clusters 100000 --max-memory 8": "clusters: 600000 memories of 20 need about",
            "--sigmas -1": "-1.0 is not in the range x>0",
            "--patterns 2000": "patterns must lie in [1, 1797]",
            "--patterns 100 --edge 0.02": "edge must be below 1/P = 0.01",
            "--clusters 0": "--clusters",
        },
    ),
    "basins": Row(
        "--sigmas 0.3,0.8,2 --points 20 --starts 50",
        {
            "--starts 1000000000 --max-memory 8": "starts: 1000000000 of them need about",
            "--points 50": "points must be a multiple of 20, the boxes, got 50",
            "--points 10": "10 is not in the range",
            "--sigmas 0": "0.0 is not in the range 0<x<=1000",
            "--starts 0": "0 is not in the range",
        },
    ),
    "class_dynamics": Row(
        "--dimension 10 --ratios 1,4 --norms 0.25 --fractions 0.5 --subspace-fractions 0.3,0.6 "
        "--features 9",
        {
            "--dimension 1000000 --max-memory 8": "features: ",
            "--fractions 1": "fractions must leave each class some of 200 points",
            "--subspace-fractions 0.001": "subspace-fractions must leave each",
            "--features 2": "features must be at least 2 times points",
            "--ratios 0.5": "0.5 is not in the range 1<=x<=100",
            "--activation relu": "'relu' is not one of 'tanh', 'erf'",
            "--time 0": "--time",
        },
        "gen63 opt gap mem50 train50 spectral quality none",
    ),
    "class_speciation": Row(
        "--weights 0.1,0.5 --levels 6 --draws 300 --paths 50 --steps 20 --patterns 60 "
        "--dimension 20",
        {
            "--draws 1000000000 --max-memory 8": "draws: 1000000000 in dimension",
            "--weights 0.7": "0.7 is not in the range 0<x<=0.5",
            "--patterns 10": "patterns must give the minority at least 2",
            "--separation 0.01": "separation must part the classes",
            "--steps 0": "--steps",
        },
        "median threshold half-way bimodal identity N_eff t_C",
    ),
    "class_training": Row(
        "--steps 10 --copy-steps 10 --images 12 --few 8 --held-out 8 --drawn 8 --starts 4 "
        "--snapshots 2 --features 20",
        {
            "--drawn 1000000000 --max-memory 8": "drawn: 1000000000 samples need about",
            "--variance-pair 1 1": "variance-pair must be two different labels, got 1 twice",
            "--centre-pair 1 12": "centre-pair must be of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, got 12",
            "--few 1000": "got 1000, 500 of them of label 1, which has 182",
            "--images 300": "got 300, 150 of them of label 1, which has 182",
            "--data narrow.npy": "data must have classes, got none",
            "--data missing.npy": "no file",
            "--network resnet": "'resnet' is not one of 'mlp', 'unet'",
            "--compare some": "'some' is not one of 'pairs', 'classes'",
            "--imbalance 0.5": "0.5 is not in the range 1<=x<=1000",
            "--snapshots 1": "--snapshots",
        },
        "leasttestloss gap0.05 copies recognizedbelow notdecided",
    ),
    "class_weights": Row(
        "--large 64 --signals 1,10 --dimension 4 --width 8 --points 60 --batch 20 --steps 5,10 "
        "--drawn 20",
        {
            "--drawn 1000000000 --max-memory 8": "drawn: 1000000000 in dimension 64 need about",
            "--width 1000000 --max-memory 8": "width: layers of 1000000 need about",
            "--signals 1,2000": "signals must be below the dimension 1024, got 2000",
            "--batch 60000": "batch must be at most the 50000 points, got 60000",
            "--weight 1": "1.0 is not in the range 0<x<1",
            "--steps 0": "--steps",
        },
        "exactflow within0.03from halfofitsway",
    ),
    "coupling_paths": Row(
        "--size 20 --patterns 6 --sizes 10 --trials 20 --overlaps 0.4,0.6 --dream-seeds 2",
        {
            "--size 30000 --max-memory 8": "size: couplings of 30000 sites need about",
            "--patterns 100": "patterns must be fewer than the 100 sites, got 100",
            "--overlaps 0.5": "overlaps must be two at least",
            "--times 0.1 0.2": "Option '--times' requires 3 arguments",
            "--margin 0": "0.0 is not in the range 0<x<=1",
            "--dream-seeds 1": "--dream-seeds",
            "--level -1": "--level",
        },
        "seeds toperceptron midpoint shares: limit",
    ),
    "dynamical_regimes": Row(
        "--patterns 60 --levels 4 --draws 20 --dimension 20 --intrinsic 5",
        {
            "--dimension 1000000000 --max-memory 8": "in dimension 1000000000 need about",
            "--patterns 3": "patterns must be at least 4, got 3",
            "--variance 0": "--variance",
        },
    ),
    "emergent_memories": Row(
        "--patterns 5 --line-patterns 6 --ranges 0.25,1 --lines 2 --dimensions 1,2 --ratios 1 "
        "--starts 20 --size 8 --stored 6 --alphas 1,2 --noises 0.5,1 --trials 10",
        {
            "--starts 1000000 --dimensions 1000 --max-memory 8": "starts: 1000000 states need",
            "--stored 1000000 --size 10000 --max-memory 8": "stored: 1000000 patterns need about",
            "--alphas 0.5": "0.5 is not in the range 1<=x<=10",
            "--ratios 0": "0.0 is not in the range 0<x<=100",
            "--patterns 1": "--patterns",
        },
        "theory |S|ofthese nearest exactinonestep",
    ),
    "feature_memories": Row(
        "--patterns 4 --dimension 3 --betas 1 --features 50,200 --sizes 4,6 --noises 0,0.3 "
        "--per-pattern 1,20 --per-entry 1,5 --draws 10 --trials 8",
        {
            "--features 10000000 --sizes 10000 --max-memory 8": "features: 1e+07 need about",
            "--trials 1000000000 --max-memory 8": "trials: 1000000000 states need about",
            "--betas 0": "0.0 is not in the range x>0",
            "--noises -1": "-1.0 is not in the range 0<=x<=100",
            "--sizes 1": "--sizes",
        },
        "overlaw attheend exactkernel cametorest",
    ),
    "guidance_basins": Row(
        "--dimension 3 --classes 3 --weights -1,0,1 --sigmas 0.3,1 --switches 1 --trials 3 "
        "--steps 5",
        {
            "--trials 1000000000 --max-memory 8": "trials: 1000000000 of 8 classes in 8 need about",
            "--weights 1": "weights must be two or more, got [1.0]",
            "--sigmas 1": "sigmas must be two or more, got [1.0]",
            "--trials 1": "trials must be at least 2, got 1",
            "--share 1": "--share",
            "--weights -2,0": "--weights",
            "--switches 0": "--switches",
        },
        "B_own B_other theory feedback effective",
    ),
    "guidance_directions": Row(
        "--dimensions 4,9 --weights 1 --ratios 0.5,2 --classes 3 --axes 2 --trials 60 --steps 6",
        {
            "--trials 1000000000 --max-memory 8": "trials: 1000000000 of 10 classes in 16 need",
            "--trials 10": "trials must be at least 40, got 10",
            "--ratios 1": "ratios must differ from 1",
            "--dimensions 100000": "dimensions must be at most 10000, got 100000",
            "--weights 0": "--weights",
            "--spread 0": "--spread",
        },
        "theory trace pair minimum",
    ),
    "guidance_distortion": Row(
        "--dimensions 4,6 --classes 3 --density 0.5 --steps 8 --trials 16",
        {
            "--classes 1000000000 --trials 1000000000 --max-memory 8": "classes or trials: ",
            "--weight 0": "weight must differ from 0",
            "--weight -2": "--weight",
            "--ratio 1": "--ratio",
            "--trials 8": "trials must be at least 16, got 8",
            "--density 0.01": "density must give 2 classes at least",
            "--density 90": "density must give 2 classes at least and e^700",
        },
        "w=0 flow (kept|retention)",
    ),
    "guidance_window": Row(
        "--cells 4 --trials 2 --steps 5 --training-steps 3 --width 8 --weights 1 --switches 1.5",
        {
            "--width 100000 --max-memory 8": "width: layers of 100000 need about",
            "--trials 1": "trials must be at least 2, got 1",
            "--switches 0": "--switches",
            "--cells 1": "--cells",
            "--window -1": "--window",
        },
        "w=0 flow (kept|retention)",
    ),
    "hidden_manifold": Row(
        "--size 24 --loads 3,40 --features 5 --epochs 3 --trials 10",
        {
            "--size 30000 --max-memory 8": "size: couplings of 30000 sites need about",
            "--loads 100000000 --max-memory 8": "loads: 100000000 patterns of 200 sites need",
            "--mix 2": "mix must be odd and at most the 12 features, got 2",
            "--mix 13": "mix must be odd and at most the 12 features, got 13",
            "--epochs 0": "--epochs",
            "--rate 0": "--rate",
        },
        "stored feature unseen phase",
    ),
    "local_memories": Row(
        "--patterns 12 --windows 3,15 --loads 8 --shared-loads 3 --sigmas 0.3,1.5 --count 6 "
        "--steps 4",
        {
            "--count 1000000000 --max-memory 8": "count: samples need about",
            "--windows 4": "4 is not odd",
            "--patterns 1": "patterns and loads must lie in [2, 1297] for digits, got 1 to 200",
            "--loads 1700": "patterns and loads must lie in [2, 1297] for digits, got 10 to 1700",
            "--data narrow.npy": "data must be grey images (height, width), got (3,)",
            "--sigmas 0": "0.0 is not in the range x>0",
            "--steps 1": "--steps",
        },
        "copies held-out ratio",
    ),
    "losing_dimensions": Row(
        "--loads 10,100 --patterns 30 --levels 4 --draws 4 --sets 3 --dimension 8 "
        "--subspaces 2 2 --trained 5,10 --training-steps 4 --width 8",
        {
            "--dimension 30000 --max-memory 8": "dimension: points in 30000 dimensions need",
            "--variances 0.1 1": "variances must fall, λ₁ > λ₂, got 0.1 and 1",
            "--dimension 3": "subspaces must fit into 3 dimensions, got 3 + 3",
            "--patterns 1": "loads and trained must be at least 2, got 1, ",
            "--loads 1,10": "patterns, loads and trained must be at least 2",
            "--trained 1,5": "patterns, loads and trained must be at least 2",
            "--subspaces 0 2": "--subspaces",
            "--levels 2": "--levels",
        },
    ),
    "memorization_to_generalization": Row(
        "--loads 4 --steps 20 --width 16 --count 30 --held-out 40",
        {
            "--width 100000 --max-memory 8": "width: layers of 100000 need about",
            "--loads 1,4": "loads must be 2 to 698 for digits",
            "--loads 5000": "loads must be 2 to 698 for digits",
            "--data photos": "data must be one of",
            "--sigma 0": "--sigma",
            "--turn 1e30": "--turn",
        },
    ),
    "model_phases": Row(
        "--patterns 12,20 --weights=-1,0 --sigmas 0.3,3 --trials 6 --steps 4 --training-steps 5 "
        "--width 8",
        {
            "--trials 1000000000 --max-memory 8": "trials: 1000000000 cues of 64 entries need",
            "--width 1000000 --max-memory 8": "width: layers of 1000000 need about",
            "--patterns 1": "patterns must lie in [2, 1797], all of the data, got [1]",
            "--sigmas 1": "sigmas must be two or more, got [1.0]",
            "--model trained,hebb": "model must be 'trained' alone, or paths, got hebb too",
            "--model hebb": "model must be a denoiser that was trained before, got hebb",
            "--model hebb --trained-on 5,9": "trained-on must have a number for each of 1 models",
            "--data narrow.npy": "data must have classes, got none",
            "--weights=-2,0": "--weights",
            "--steps 1": "--steps",
        },
        "datum:networkexact σ_S lossoverconstant",
    ),
    "network_load": Row(
        "--widths 16 --loads 2,6 --steps 20 --count 20 --held-out 40",
        {
            "--widths 0": "0 is not in the range x>=1",
            "--widths 100000 --max-memory 8": "width: layers of 100000 need about",
            "--loads 1,4": "loads must be 2 to 748 for digits",
            "--steps 1": "1 is not in the range x>=2",
        },
    ),
    "noise_landscape": Row(
        "--size 40 --patterns 20 --states 3 --temperatures 1",
        {
            "--size 30000 --max-memory 8": "size: couplings of 30000 sites need about",
            "--patterns 1": "patterns must be at least 2",
            "--temperatures 0": "0.0 is not in the range x>0",
            "--states 0": "--states",
        },
    ),
    "one_axis": Row(
        "--size 12 --loads 2,6,40 --patterns 4 --overlaps 0.5,1 --trials 20",
        {
            "--size 30000 --model hebb --max-memory 8 --jobs 1": "size: couplings of hebb on 30000",
            "--model hopfeld": "unknown model 'hopfeld'",
            "--overlap 0": "Invalid value for '--overlap'",
            "--size 1": "Invalid value for '--size'",
            "--loads 0,5": "0 is not in the range x>=1",
            "--beta 1e308": "is neither 0 nor from 1e-30 to 1e+30 in size",
        },
    ),
    "own_states": Row(
        "--shares 0.5 --patterns 4 --steps 20 --width 16 --count 20 --held-out 40",
        {
            "--shares 2": "2.0 is not in the range 0<=x<=1",
            "--patterns 1": "patterns must be 2 to 748 for digits, got 1",
            "--count 1000000000 --max-memory 8": "count: 1000000000 samples of",
        },
    ),
    "phase_diagram": Row(
        "--dimension 6 --points 2,4 --features 1,3 --fitted-features 1,2,4 --draws 2 "
        "--ranks 0.5,1,2",
        {
            "--dimension 5000 --max-memory 8": "features: 240000 of them need about",
            "--ranks 100": "ranks must lie in [1/d, 48], that of the most features",
            "--points 0.01": "points must be at least 1/d = 0.0333, one of them, got 0.01",
            "--ridges 0": "0.0 is not in the range",
            "--draws 0": "0 is not in the range x>=1",
            "--time 0": "--time",
        },
        "slopes of E_opt in n",
    ),
    "structured_noise": Row(
        "--size 30 --patterns 9 --training-overlaps 0,1",
        {
            "--size 30000 --max-memory 8": "size: couplings of 30000 sites need about",
            "--rate 0": "--rate",
            "--training-overlaps 0,1.5": "1.5 is not in the range 0<=x<=1",
            "--overlaps 0": "0.0 is not in the range 0<x<=1",
        },
    ),
    "training_time": Row(
        "--patterns 6 --steps 100 --snapshots 2 --width 16 --count 30 --held-out 40",
        {
            "--count 1000000000 --max-memory 8": "count: 1000000000 samples of",
            "--patterns 1": "patterns must be 2 to 823 for digits, got 1",
            "--patterns 999": "patterns must be 2 to 823 for digits, got 999",
            "--snapshots 1": "--snapshots",
        },
    ),
    "unlearning": Row(
        "--size 30 --loads 6,9 --batches 1,10",
        {
            "--size 30000 --max-memory 8": "size: couplings of 30000 sites need about",
            "--loads many": "'many' is not a number",
            "--batches 0": "0 is not in the range x>=1",
            "--time -1": "--time",
        },
    ),
    "unlearning_transport": Row(
        "--sigmas 0.3,1 --starts 200 --steps 20 --loads 5 --ratios 0.3,2 --doses 0,1 "
        "--noises 0.5,1 --trials 20",
        {
            "--starts 1000000000 --max-memory 8": "starts: 1000000000 of them need about",
            "--trials 100000000 --max-memory 8": "trials: 100000000 states need about",
            "--loads 1,5": "loads must lie in [2, 1797], got [1, 5]",
            "--doses 0,2": "doses must have 0 and 1 among them, got [0.0, 2.0]",
            "--sigmas 0": "0.0 is not in the range x>0",
            "--steps 1": "--steps",
        },
        "before after dreamt mixtures rmserror",
    ),
    "uturn": Row(
        "--loads 3,9 --sigmas 0.5,1,2 --trials 20 --steps 5",
        {
            "--loads 2,100000 --max-memory 8": "loads: 100000 patterns of",
            "--loads 1,5": "loads must be at least 2",
            "--sigmas 0,1": "0.0 is not in the range x>0",
            "--trials 0": "--trials",
        },
    ),
    "wider_basins": Row(
        "--network mlp --loads 5,8 --steps 20 --width 16 --count 20 --draws 8 --held-out 40",
        {
            "--loads 4": "loads must be 5 to 748 for digits, got [4]",
            "--draws 7": "7 is not in the range x>=8",
            "--count 1000000000 --max-memory 8": "count: 1000000000 samples of",
            "--network resnet": "'resnet' is not one of 'mlp', 'unet'",
        },
        "correlation distance",
    ),
}
