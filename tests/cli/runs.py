"""One row per study and per verb that measures: a tiny run of it, and what it refuses."""

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
        "--steps 10 --copy-steps 10 --images 12 --few 8 --held-out 8 --drawn 20",
        {
            "--drawn 1000000000 --max-memory 8": "drawn: 1000000000 samples need about",
            "--classes 1 1": "classes must be two different labels, got 1 twice",
            "--classes 1 12": "classes must have 120 images each, got 0 of label 12",
            "--few 1000": "classes must have 560 images each, got 182 of label 1",
            "--images 300": "classes must have 285 images each, got 182 of label 1",
            "--data narrow.npy": "data must have classes, got none",
            "--data missing.npy": "no file",
            "--network resnet": "'resnet' is not one of 'mlp', 'unet'",
        },
        "leasttestloss gap0.05 copiesattheend",
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
            "--patterns 1": "patterns must be 2 to 698 for digits, got 1",
            "--patterns 999": "patterns must be 2 to 698 for digits, got 999",
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
    "uturn": Row(
        "--loads 3,9 --sigmas 0.5,1,2 --trials 20 --steps 5",
        {
            "--loads 2,100000 --max-memory 8": "loads: 100000 patterns of",
            "--loads 1,5": "loads must be at least 2",
            "--sigmas 0,1": "0.0 is not in the range x>0",
            "--trials 0": "--trials",
        },
    ),
}
VERBS = {
    "bridges retrieve": Row(
        "--data random --size 30 --patterns 2 --trials 20 --overlaps 0.5,1",
        {
            "--trials 1000000000 --max-memory 8": "trials, starts or draws: 1000000000 cues of 61",
            "--data clustered@spread=1": "data: clustered takes clusters and overlap, got",
            "--data flat.npy": "must have shape (rows, columns), got (3,)",
            "--data almost.npy": "must have spins ±1, got 1 zeros",
            "--data huge.npy --model flow": "infinite norm",
            "--patterns 2000": "patterns must lie in [1, 1797] for digits, got 2000",
            "--overlaps 0.5,1.5": "1.5 is not in the range 0<x<=1",
            "--model hopfeld": "unknown model 'hopfeld'; the models are hebb, ",
            "--beta 0": "Invalid value for '--beta': 0.0 is not in the range x>0",
            "--beta 1e308": "'1e308' is neither 0 nor from 1e-30 to 1e+30 in size",
            "--rate 1e-320": "'1e-320' is neither 0 nor from 1e-30",
            "--model polynomial --degree 100000": "100000 is not in the range 2<=x<=1000",
            "--size 32": "digits has size 64, got 32",
            "--model sequence --patterns 1": "patterns must be at least 2 for sequence, got 1",
            "--model willshaw --activity 0.001": "activity must leave 1 to 60 ones of 61 sites",
            "--model covariance --activity 0.6": "activity 0.6 asks for 37 ones, and a vector",
            "--model potts --colours 18": "colours must be at most the 17 different values",
            "--activity 1": "1.0 is not in the range 0<x<1",
            "--theta 2": "2.0 is not in the range -1<=x<=1",
            "--gain 0": "0.0 is not in the range x>0",
            "--levels 1": "1 is not in the range 2<=x<=256",
            "--keep 0": "0.0 is not in the range 0<x<=1",
            "--colours 1": "1 is not in the range 2<=x<=256",
            "--clip 0": "0.0 is not in the range x>0",
            "--temperature -1": "--temperature",
            "--device gpu9": "device 'gpu9' cannot be used here",
            "--device meta": "device 'meta' cannot be used here",
        },
    ),
    "bridges capacity": Row(
        "--data random --size 30 --loads 1-4,8,16 --trials 20",
        {
            "--data random --size 30000 --max-memory 8": "size: couplings of",
            "--loads 5,5000": "patterns must lie in [1, 1797] for digits, got 5000",
            "--loads 0,5": "0 is not in the range x>=1",
            "--loads=-3": "-3 is not in the range x>=1",
            "--loads a,b": "'a' is not a number or a range like 0-63",
            "--loads 1-1000000000000": "'1000000000000' is more than 1000000000 in size",
            "--data random --loads 100000000": "patterns or loads: 100000000 patterns of 100 sites",
            "--overlap 0": "Invalid value for '--overlap': 0.0 is not in the range 0<x<=1",
        },
    ),
    "bridges compare": Row(
        "--data random --size 30 --model hebb,polynomial,flow,sde --loads 12 --overlaps 0.5 "
        "--trials 20",
        {
            "--data random --size 30000 --jobs 3 --max-memory 9": "in 3 --jobs, more than the 9 GB",
            "--model classical --loads 3": "loads is found for classical; leave it out",
            "--model classical --patterns 3": "patterns is found for classical; leave it out",
            "--model classical --alpha 0.1": "alpha is found for classical; leave it out",
            "--model classical,flow": "model must store spins, 0/1 patterns or colours beside",
            "--data nan.npy": "must be finite, got 1 NaN",
        },
    ),
    "bridges basins": Row(
        "--data random --size 40 --patterns 3 --starts 100 --model hebb,sde --picture --points 8 "
        "--sigmas 0.5,1",
        {
            "--starts 1000000000 --max-memory 8": "trials, starts or draws: 1000000000 cues of 61",
            "--model hopfeld": "unknown model 'hopfeld'",
            "--measure box": "'box' is not one of 'noised', 'random'",
            "--measure random --model clamped": "measure random is not for clamped: known spins",
            "--picture --model bam": "picture: bidirectional: memory must have real states",
            "--starts 0": "0 is not in the range",
            "--overlap 0": "0.0 is not in the range",
            "--patterns 5000": "patterns must lie in [1, 1797] for digits, got 5000",
            "--device gpu9": "device 'gpu9' cannot be used here",
            "--sigmas 1": "sigmas is of the picture; give --picture with it",
            "--points 9": "points is of the picture",
            "--plane principal": "plane is of the picture",
            "--picture --plane both": "'both' is not one of 'memories', 'principal'",
            "--picture --points 301": "301 is not in the range 2<=x<=300",
            "--picture --patterns 1": "picture: Hebb: plane must go through memories, at least 2",
            "--picture --plane principal --patterns 2": "plane must have two principal directions",
            "--picture --model hebb --sigmas 1": "sigmas are noise levels, which Hebb do not have",
            "--picture --patterns 2-11": "picture: at most 36 panels, got 40",
        },
        "picture.png inmemories",
        "picture.npz picture.png",
    ),
    "bridges recall": Row(
        "--data random --size 30 --patterns 2 --model hebb,flow --steps 5",
        {
            "--index 1797": "index must be a whole number of at least 0 and at most 1796, got",
            "--data random --patterns 2 --index 2": "index must be a whole number of at least",
            "--index 3 --cue narrow.npy": "cue and index both say what is cued",
            "--cue missing.png": "cue must be a picture or a file of one row, got 'missing.png'",
            "--cue narrow.npy": "cue must hold one row of 64 numbers, got (9, 3)",
            "--cue flat.npy": "cue must hold one row of 64 numbers, got (1, 3)",
            "--mask middle": "mask must be left, right, top, bottom or a share between 0 and 1",
            "--mask 1": "mask must be left, right, top, bottom or a share between 0 and 1, got '1'",
            "--mask top --data narrow.npy": "mask top is for images, got rows of 3 numbers",
            "--overlap 0": "0.0 is not in the range",
            "--animate png": "'png' is not one of 'gif', 'mp4'",
            "--patterns 2000": "patterns must lie in [1, 1797] for digits, got 2000",
            "--model hopfeld": "unknown model 'hopfeld'",
            "--device gpu9": "device 'gpu9' cannot be used here",
        },
        "home found steps",
    ),
    "bridges graph": Row(
        "--data random --size 16 --patterns 8 --draws 8",
        {
            "--data random --patterns 100000 --max-memory 8": "patterns: transitions of 100000",
            "--sigmas 0": "0.0 is not in the range x>0",
            "--sigmas many": "'many' is not a number",
            "--overlaps 1.5": "1.5 is not in the range 0<x<=1",
            "--overlaps 1": "overlaps must be below 1",
            "--sigmas 1 --overlaps 0.5": "sigmas and overlaps say the same",
            "--edge 1": "Invalid value for '--edge'",
            "--draws 0": "Invalid value for '--draws'",
            "--model hopfeld": "unknown model 'hopfeld'",
            "--model flow --criterion one-step": "criterion 'one-step' is not for flow",
            "--data digits --patterns 2000": "patterns must lie in [1, 1797]",
            "--device gpu9": "device 'gpu9' cannot be used here",
        },
    ),
    "bridges memorization": Row(
        "--data random --size 8 --patterns 20,40 --draws 20",
        {
            "--draws 1000000000 --max-memory 8": "draws: 1000000000 noised points of 64",
            "--held-out narrow.npy": "held-out must hold vectors of size 64, got (9, 3)",
            "--patterns 2000": "patterns must lie in [1, 1797] for digits, got 2000",
            "--patterns 3,100": "patterns must be at least 4, got 3",
            "--size 10": "digits has size 64, got 10",
            "--draws 1": "--draws",
            "--class 3": "class is for --model, got none",
            "--batch-size 8": "batch-size is for --model, got none",
            "--scheduler DDPMScheduler": "scheduler is for --model, got none",
            "--steps 0": "--steps",
            "--device gpu9": "device 'gpu9' cannot be used here",
        },
    ),
    "bridges guide": Row(
        "--guidance 2 --classes 0-1 --trials 4 --steps 4",
        {
            "--guidance half": "guidance must be a number w or one of",
            "--guidance 3x5": "guidance must have a scale for each of 50 steps, got 3",
            "--classes 12": "classes must be among [0, 1, 2",
            "--classes seven": "8, 9], got seven",
            "--trials 3": "trials must be at least 4, got 3",
            "--data narrow.npy": "data must have classes, got none in narrow.npy",
            "--model hebb": "model must be class-conditional, got hebb",
            "--null-class -1": "-1 is not in the range",
        },
        "retention Vendi 0itself",
    ),
    "bridges train": Row(
        "--data random --size 8 --patterns 20 --width 8 --depth 1 --steps 4 --looks 2 --draws 20",
        {
            "--patterns 2000": "patterns must lie in [1, 1797] for digits, got 2000",
            "--patterns 3": "patterns must be at least 4, got 3",
            "--patterns 3,40": "patterns must be at least 4, got 3",
            "--patterns 40,1797": "patterns must be at most 1438 for digits, of which 359 points",
            "--patterns 40,many": "'many' is not a number or a range like 0-63",
            "--data narrow.npy --patterns 5,6": "patterns: sizes are compared on data held out",
            "--patterns 1797 --until loss": "until loss needs data that are held out, got none",
            "--patterns 20 --batch 21": "batch must be at most the 20 points trained on, got 21",
            "--size 10": "digits has size 64, got 10",
            "--held-out narrow.npy": "held-out must hold vectors of size 64, got (9, 3)",
            "--data narrow.npy --held-out huge.npy": "held-out must hold vectors of size 3",
            "--data narrow.npy --classes": "classes need data with labels, got none in narrow.npy",
            "--data narrow.npy --network unet": "data must hold images (height, width)",
            "--attention": "attention is between the pixels of a unet, got the network mlp",
            "--network unet --width 12": "channels must be a multiple of 8, got 12",
            "--network unet --depth 4": "levels must leave at least 2 pixels per side of 8×8",
            "--network resnet": "'resnet' is not one of 'mlp', 'unet'",
            "--until never": "'never' is not one of 'steps', 'loss', 'copies'",
            "--precision half": "'half' is not one of 'float32', 'bf16'",
            "--looks 51": "51 is not in the range",
            "--width 1000000000": "width or depth: weights of a network of width 1000000000",
            "--draws 1000000000": "draws: 1000000000 samples of 64 sites need about",
            "--rate 0": "--rate",
            "--device gpu9": "device 'gpu9' cannot be used here",
        },
        "eachseen held-out copies denoiser.safetensors",
        "denoiser.safetensors denoiser-2.safetensors samples.png samples-2.png",
    ),
}
MEASURE_NOTHING = {"models", "convert", "show", "merge"}
