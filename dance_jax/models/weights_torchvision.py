"""How the tensors of torchvision's and timm's encoders are named, and where they belong here.

timm's resnet18, resnet34, resnet50 and inception_v3 carry torchvision's names.
"""

from __future__ import annotations

from dance_jax.models import inception, resnet
from dance_jax.models.weights import Key, KeyMap

ARCHITECTURES = ("resnet18", "resnet34", "resnet50", "inception_v3")
_OIHW_TO_HWIO = (2, 3, 1, 0)
_TENSORS = {
    "weight": ("params", "scale"),
    "bias": ("params", "bias"),
    "running_mean": ("batch_stats", "mean"),
    "running_var": ("batch_stats", "var"),
}


def keys(architecture: str) -> KeyMap:
    """Returns the key map of one of `ARCHITECTURES`; `fc` is optional.

    Raises:
        ValueError: the architecture is another.
    """
    if architecture == "inception_v3":
        # The auxiliary classifier served the training of InceptionV3 and has no place here.
        return KeyMap(_inception(), ignored=r"^AuxLogits\.", optional=r"^fc\.")
    if architecture in ARCHITECTURES:
        return KeyMap(_resnet(int(architecture.removeprefix("resnet"))), optional=r"^fc\.")
    raise ValueError(f"architecture must be one of {ARCHITECTURES}, got {architecture!r}")


def _resnet(depth: int) -> dict[str, Key]:
    """Returns torchvision's names of a ResNet, in the order of its state dict."""
    model = resnet.resnet(depth)
    found = _unit("conv1", "bn1", ("stem_conv",), ("stem_norm",))
    for stage, count in enumerate(model.blocks, 1):
        for i in range(count):
            theirs, ours = f"layer{stage}.{i}", f"stage{stage}_block{i}"
            for k in range(1, 4 if model.bottleneck else 3):
                found |= _unit(
                    f"{theirs}.conv{k}", f"{theirs}.bn{k}", (ours, f"conv{k}"), (ours, f"norm{k}")
                )
            # The channels or the size change, but for stage 1 of the shallow ones.
            if i == 0 and (stage > 1 or model.bottleneck):
                found |= _unit(
                    f"{theirs}.downsample.0",
                    f"{theirs}.downsample.1",
                    (ours, "shortcut_conv"),
                    (ours, "shortcut_norm"),
                )
    return found | _fc()


def _inception() -> dict[str, Key]:
    """Returns torchvision's names of InceptionV3 without its auxiliary classifier."""
    found: dict[str, Key] = {}
    for path in inception.convolutions():
        name = ".".join(path)
        found |= _unit(f"{name}.conv", f"{name}.bn", (*path, "conv"), (*path, "norm"))
    return found | _fc()


def _unit(
    conv: str, bn: str, conv_path: tuple[str, ...], norm_path: tuple[str, ...]
) -> dict[str, Key]:
    """Returns the five tensors of a convolution and its BatchNorm."""
    kernel = Key(("params", *conv_path, "kernel"), _OIHW_TO_HWIO)
    return {f"{conv}.weight": kernel} | {
        f"{bn}.{theirs}": Key((collection, *norm_path, ours))
        for theirs, (collection, ours) in _TENSORS.items()
    }


def _fc() -> dict[str, Key]:
    return {
        "fc.weight": Key(("params", "fc", "kernel"), (1, 0)),
        "fc.bias": Key(("params", "fc", "bias")),
    }
