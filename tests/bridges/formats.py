"""One array in every format that is read, with its labels; for the tests beside this file."""

import gzip
import io
import json
import struct

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from scipy.io import savemat

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (24, 4, 3)).astype(np.uint8)
CLASSES = np.arange(24) % 3
NAMES = np.array(["cat", "dog", "run10"])[CLASSES]


def idx_bytes(array):
    code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}[array.dtype.str[1:]]
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return (
        bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).data
    )


def write_npy(path, labels):
    np.save(path, PIXELS)


def write_npz(path, labels):
    np.savez(path, images=PIXELS, Target=labels)


def write_idx(path, labels):
    path.write_bytes(idx_bytes(PIXELS))
    beside = path.parent / path.name.replace("images", "labels").replace("idx3", "idx1")
    beside.write_bytes(idx_bytes(labels.astype(np.uint8)))


def write_idx_gz(path, labels):
    path.write_bytes(gzip.compress(idx_bytes(PIXELS)))
    beside = path.parent / path.name.replace("images", "labels").replace("idx3", "idx1")
    beside.write_bytes(gzip.compress(idx_bytes(labels.astype(np.uint8))))


def lines_of(labels, separator):
    rows = PIXELS.reshape(24, -1)
    return [
        separator.join(map(str, [*row, label])) for row, label in zip(rows, labels, strict=True)
    ]


def write_csv(path, labels):
    header = ",".join([*(f"pixel {k}" for k in range(12)), "Label"])
    path.write_text("\n".join([header, *lines_of(labels, ",")]) + "\n")


def write_tsv(path, labels):
    path.write_text("\n".join(lines_of([f'"{one}"' for one in labels], "\t")))


def write_mat(path, labels):
    savemat(path, {"X": np.moveaxis(PIXELS, 0, -1), "y": labels[:, None]}, do_compression=True)


def write_pt(path, labels):
    torch.save((torch.from_numpy(PIXELS), torch.from_numpy(labels)), path)


def write_pt_dict(path, labels):
    torch.save({"data": torch.from_numpy(PIXELS), "targets": torch.from_numpy(labels)}, path)


def write_old_pt(path, labels):
    tensors = {"data": torch.from_numpy(PIXELS), "targets": torch.from_numpy(labels)}
    torch.save(tensors, path, _use_new_zipfile_serialization=False)


def write_safetensors(path, labels):
    save_file({"images": torch.from_numpy(PIXELS), "labels": torch.from_numpy(labels)}, path)


def write_hdf5(path, labels):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file.create_dataset("train/images", data=PIXELS, compression="gzip", chunks=(5, 4, 3))
        file["labels"] = labels if labels.dtype.kind != "U" else list(map(str, labels))


def write_new_mat(path, labels):
    """As MATLAB writes version 7.3: HDF5 after 512 bytes of text, axes in the other order."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        file["X"] = PIXELS.T
        file["y"] = labels[None, :].astype(float)
        file["#refs#/a"] = np.arange(3)
    content = path.read_bytes()
    text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(128)
    path.write_bytes(text + content[128:])


def write_parquet(path, labels):
    """As data hubs do: PNG files in a column, the names of classes beside the columns."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    contents = []
    for pixels in PIXELS:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        contents.append({"bytes": file.getvalue(), "path": None})
    features = {"label": {"names": ["zero", "one", "two"], "_type": "ClassLabel"}}
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    table = pa.table({"image": contents, "label": labels}).replace_schema_metadata(about)
    pq.write_table(table, path, row_group_size=7)


def write_list_parquet(path, labels):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    lists = pa.array(PIXELS.tolist(), pa.list_(pa.list_(pa.uint8())))
    pq.write_table(pa.table({"pixels": lists, "y": labels}), path)


def write_number_parquet(path, labels):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {f"x{k}": PIXELS.reshape(24, 12)[:, k] for k in range(12)}
    pq.write_table(pa.table(columns | {"y": labels}), path)


FORMATS = {  # file: what writes it, the shape of a row, its dtype; texts for labels or not
    "a.npy": (write_npy, (4, 3), torch.uint8, False),
    "a.npz": (write_npz, (4, 3), torch.uint8, True),
    "train-images-idx3-ubyte": (write_idx, (4, 3), torch.uint8, False),
    "train-images.idx3-ubyte.gz": (write_idx_gz, (4, 3), torch.uint8, False),
    "a.csv": (write_csv, (12,), torch.float64, True),
    "a.tsv": (write_tsv, (12,), torch.float64, True),
    "a.mat": (write_mat, (4, 3), torch.uint8, False),
    "new.mat": (write_new_mat, (4, 3), torch.uint8, False),
    "a.pt": (write_pt, (4, 3), torch.uint8, False),
    "b.pth": (write_pt_dict, (4, 3), torch.uint8, False),
    "old.pt": (write_old_pt, (4, 3), torch.uint8, False),
    "a.safetensors": (write_safetensors, (4, 3), torch.uint8, False),
    "a.h5": (write_hdf5, (4, 3), torch.uint8, True),
    "a.parquet": (write_parquet, (4, 3), torch.uint8, False),
    "lists.parquet": (write_list_parquet, (4, 3), torch.uint8, True),
    "numbers.parquet": (write_number_parquet, (12,), torch.uint8, True),
}
HAVE_NO_TEXT = {name for name, (*_, text) in FORMATS.items() if not text}
KNOWN_NAMES = {"a.tsv": ["cat", "dog", "run10"], "a.parquet": ["zero", "one", "two"]}
HAVE_NO_NUMBERS = {"a.tsv"}  # without a header, only a column of texts can be that of labels


def written(folder, name, labels=CLASSES):
    """The name of a data set in a format."""
    FORMATS[name][0](folder / name, labels)
    return str(folder / name)
