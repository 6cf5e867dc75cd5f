"""Weights from and to files: official `.pth` checkpoints, and safetensors beside them. Nothing in a file is run."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from workloads.contract import UserError
from workloads.yolox.network import YOLOX, start_at_prior
from workloads.yolox.recognition import COUNTER, refuse_foreign

State = Mapping[str, Tensor]

HOLDERS = ("ema", "ema_model", "model_ema", "model", "state_dict")
"""Where a checkpoint keeps its weights; the average comes first, for it is what was judged."""
_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_CHUNK = 1 << 20


def load_checkpoint(path: Path, sha256: str | None, model: YOLOX) -> list[str]:
    """Give `model` the weights of a file of `torch.save` or of safetensors; it is changed only if all fits.

    Args:
        path: official layout {"model": weights, ...}, bare weights, or an average of them.
        sha256: what the file must hash to; it is checked before anything is parsed. None leaves that out.

    Returns:
        Names of the weights that were initialised anew: the class layers, where the file knows another number of
        classes. Empty where everything was taken over.

    Raises:
        UserError: wrong hash, no checkpoint, weights of another network or variant.
    """
    try:
        with path.open("rb") as file:
            found = _sha256(file)
            if sha256 is not None:
                _check_hash(path, found, sha256)
            file.seek(0)  # the very bytes that were hashed, not whatever has the name by now
            state = _parse(file, path)
    except OSError as wrong:
        raise UserError(f"{path}: cannot be read: {wrong.strerror or wrong}") from wrong
    return fill(model, state, str(path))


def fill(model: YOLOX, state: State, where: str) -> list[str]:
    """Give `model` the weights `state`, but for class layers of another number of classes; returns their names.

    Raises:
        UserError: the weights are those of another network; `where` names their origin.
    """
    own = model.state_dict()
    refuse_foreign(state, own, model.variant.name, where)
    known = {name: values for name, values in state.items() if name in own and not name.endswith(COUNTER)}
    # In order: each draws from the same stream of chance, and a seed must give the same weights in every process.
    layers = sorted({name.rpartition(".")[0] for name, values in known.items() if values.shape != own[name].shape})
    anew = [name for name in own if name.rpartition(".")[0] in layers]
    taken = {name: values for name, values in known.items() if name not in anew}
    for name, values in taken.items():
        _refuse_unfit(name, values, where)
    model.load_state_dict(own | taken)
    for layer in map(model.get_submodule, layers):
        layer.reset_parameters()  # type: ignore[operator]
        start_at_prior(layer)
    return anew


def _refuse_unfit(name: str, values: Tensor, where: str) -> None:
    """Let pass what a weight can be: real numbers, all of them finite. Raises UserError."""
    if values.is_complex():  # torch would copy the real parts and warn
        raise UserError(f"{where}: {name} holds complex numbers; YOLOX has real weights: save it with .real")
    if values.dtype not in _DTYPES:
        kind = str(values.dtype).removeprefix("torch.")
        raise UserError(f"{where}: {name} holds {kind}; YOLOX has weights of 16, 32 or 64 bit floats: save those "
                        "that were trained")  # fmt: skip
    if values.is_meta:
        raise UserError(f"{where}: {name} holds a shape and no numbers (a meta tensor); save the weights after they "
                        "were loaded")  # fmt: skip
    if not bool(values.float().isfinite().all()):  # as the network will hold them
        raise UserError(f"{where}: {name} holds NaN or infinity; take the checkpoint of an earlier epoch")


def save_pth(model: nn.Module, path: Path, **extra: Any) -> Path:
    """Write {"model": weights, **extra}, which the official tools read too; the file appears whole or not at all."""
    half = path.with_name(path.name + ".part")
    torch.save({"model": _portable(model), **extra}, half)
    os.replace(half, path)
    return path


def save_safetensors(model: YOLOX, path: Path) -> Path:
    """Write the weights as safetensors, with variant and number of classes in the header."""
    from safetensors.torch import save_file

    half = path.with_name(path.name + ".part")
    about = {"format": "pt", "variant": model.variant.name, "classes": str(model.classes)}
    save_file(_portable(model), half, about)
    os.replace(half, path)
    return path


def load_safetensors(path: Path, sha256: str | None, model: YOLOX) -> list[str]:
    """As `load_checkpoint`, which knows the format by the content."""
    return load_checkpoint(path, sha256, model)


def _portable(model: nn.Module) -> dict[str, Tensor]:
    return {name: values.detach().cpu().contiguous() for name, values in model.state_dict().items()}


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _check_hash(path: Path, found: str, wanted: str) -> None:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", wanted):
        raise UserError(f"weights_sha256: {wanted!r} is no SHA-256; give its 64 hexadecimal digits")
    if found != wanted.lower():
        raise UserError(f"{path}: has the SHA-256 {found}, but weights_sha256 is {wanted.lower()}; the file is not the "
                        "one that was meant, or the hash is not its own")  # fmt: skip


def _parse(file: BinaryIO, path: Path) -> State:
    start = file.read(9)
    file.seek(0)
    if start[:4] == b"PK\x03\x04":
        content = _read_torch(file, path)
    elif start[8:9] == b"{":
        content = _read_safetensors(file, path)
    else:
        raise UserError(f"{path}: is no checkpoint: neither a file of torch.save (1.6 or later) nor safetensors")
    return _weights(content, path)


def _read_torch(file: BinaryIO, path: Path) -> Any:
    """The content of `torch.save`, as far as it is data."""
    try:
        with zipfile.ZipFile(file) as archive:
            # torch.save never compresses; a small file that unfolds to a large one is none of its.
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise UserError(f"{path}: is a compressed archive; torch.save writes none")
        file.seek(0)
        with torch.serialization.safe_globals(_INERT):
            return torch.load(file, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except pickle.UnpicklingError as wrong:
        what = re.search(r"GLOBAL ([\w.]+)", str(wrong))
        about = f"it wants to run {what[1]}" if what else "its pickle is damaged"
        raise UserError(f"{path}: is refused: {about}, but a checkpoint must hold nothing but weights; save "
                        "{'model': model.state_dict()}")  from wrong  # fmt: skip
    except Exception as wrong:  # a foreign parser over foreign bytes: whatever it stumbles over, the file is to blame
        raise UserError(f"{path}: is damaged, cut short or no checkpoint: {_first_line(wrong)}") from wrong


def _read_safetensors(file: BinaryIO, path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(file.read())
    except (SafetensorError, ValueError, KeyError) as wrong:
        raise UserError(f"{path}: is no safetensors file, or cut short: {_first_line(wrong)}") from wrong


def _first_line(wrong: Exception) -> str:
    return (str(wrong).splitlines() or [type(wrong).__name__])[0][:200]


def _weights(content: Any, path: Path) -> State:
    """The weights by layer name in whatever a checkpoint is, without the prefix of several devices."""
    for _ in range(3):  # {"ema": {"model": weights, "updates": 7}} is as deep as it gets
        if not isinstance(content, Mapping):
            break
        if content and all(isinstance(v, Tensor) and v.layout is torch.strided for v in content.values()):
            return {str(name).removeprefix("module."): values for name, values in content.items()}
        holder = next((name for name in HOLDERS if isinstance(content.get(name), Mapping)), None)
        if holder is None and (odd := _odd_one(content)):
            raise UserError(f"{path}: holds {odd} among its weights; save {{'model': model.state_dict()}} alone")
        if holder is None:
            break
        content = content[holder]
    kind = f"a mapping of {_some(content)}" if isinstance(content, Mapping) else type(content).__name__
    raise UserError(f"{path}: holds no weights, but {kind}; YOLOX keeps them by layer name under 'model'")


def _odd_one(content: Mapping[Any, Any]) -> str:
    """What keeps a mapping that has weights by layer name from being one; empty where it has none."""
    if not any(isinstance(values, Tensor) and "." in str(name) for name, values in content.items()):
        return ""
    name, values = next((n, v) for n, v in content.items() if not isinstance(v, Tensor) or v.layout != torch.strided)
    kind = f"{values.layout} tensor" if isinstance(values, Tensor) else type(values).__name__
    return f"{str(name)[:100]!r} ({kind.removeprefix('torch.')})"


def _some(content: Mapping[Any, Any]) -> str:
    names = [str(name) for name in content]
    return json.dumps(names[:5]) + (" and more" if len(names) > 5 else "")


class _Ignored:
    """Stands where a checkpoint of the official trainer keeps NumPy's scalars (its best AP); nobody asks for them."""

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


_INERT: list[Any] = [(_Ignored, name) for name in (
    "numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
    "numpy.dtypes.Float64DType", "numpy.dtypes.Float32DType",
)]  # fmt: skip
