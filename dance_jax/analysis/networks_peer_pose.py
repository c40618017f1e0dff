"""The networks' peer in PyTorch: features of poses in the plane, and the pose stream, eager.

Joints may be missing (NaN) as in dance_jax/models; windows are full, so no frame is masked.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from dance_jax import skeleton as skeletons
from dance_jax.analysis.networks_peer_parts import EPSILON

_SKELETON = skeletons.get(skeletons.CANON)
_BONES = (
    ("left_knee", "left_ankle"),
    ("right_knee", "right_ankle"),
    ("left_hip", "left_knee"),
    ("right_hip", "right_knee"),
    ("hip", "neck"),
)
_SHANK, _THIGH, _TRUNK = 0.246, 0.245, 0.288  # of the body's height


def _at(*joints: str) -> list[int]:
    return [skeletons.index(skeletons.CANON, joint) for joint in joints]


def find_root(pose: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the middle of the hips or what stands for it [B,T,2], and which did [B,T]."""
    left, right, hip, neck = pose[:, :, _at("left_hip", "right_hip", "hip", "neck")].unbind(2)
    hips = 0.5 * (left + right)
    best = torch.where(torch.isfinite(hip).all(-1, keepdim=True), hip, hips)
    places = torch.stack([hip, hips, left, right, neck, pose.nanmean(2)], 2)
    offset = (best[:, :, None] - places).nanmean(1, keepdim=True).nan_to_num(0.0)
    seen = torch.isfinite(places).all(-1)
    kind = seen.int().argmax(-1)
    chosen = torch.where(seen[..., None], places, 0.0) + offset
    index = kind[..., None, None].expand(*kind.shape, 1, 2)
    root = chosen.gather(2, index)[:, :, 0]
    return torch.where(seen.any(-1, keepdim=True), root, torch.nan), kind


def body_size(pose: torch.Tensor, root: torch.Tensor) -> torch.Tensor:
    """Returns the body's height in the pose's unit [B,1], NaN where it is not known."""
    near, far = (_at(*(bone[k] for bone in _BONES)) for k in range(2))
    lengths = (pose[:, :, far] - pose[:, :, near]).norm(dim=-1)
    away = (pose - root[:, :, None]).norm(dim=-1)
    reach = away.nan_to_num(-torch.inf).amax(-1, keepdim=True)
    reach = torch.where(torch.isfinite(reach), reach, torch.nan)
    typical = torch.cat([lengths, reach], -1).nanquantile(0.9, dim=1)
    shank, thigh = (torch.fmax(typical[:, k], typical[:, k + 1]) for k in (0, 2))
    trunk, reach = typical[:, 4], typical[:, 5]
    size = torch.full_like(trunk, torch.nan)
    for guess in (
        2 * reach,
        (shank + thigh) / (_SHANK + _THIGH),
        trunk / _TRUNK,
        (shank + thigh + trunk) / (_SHANK + _THIGH + _TRUNK),
    ):
        size = torch.where(guess > 0, guess, size)
    return size[:, None]


def slope(x: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """Returns dx/dt of x [B,T,N,2] over steps [B,T-1] s; one-sided at gaps, NaN where not known."""
    frames = x.shape[1]
    forward = steps > 0
    steps = torch.where(forward, steps, 1.0)[..., None, None]
    rise = torch.where(forward[..., None, None], (x[:, 1:] - x[:, :-1]) / steps, torch.nan)
    rise = functional.pad(rise, (0, 0, 0, 0, 2, 2), value=torch.nan)
    steps = functional.pad(steps, (0, 0, 0, 0, 2, 2), value=1.0)
    known, rise = torch.isfinite(rise), rise.nan_to_num(0.0)
    g2, g, h, h2 = (steps[:, k : k + frames] for k in range(4))
    behind2, behind, ahead, ahead2 = (rise[:, k : k + frames] for k in range(4))
    has_behind2, has_behind, has_ahead, has_ahead2 = (known[:, k : k + frames] for k in range(4))
    central = (g * ahead + h * behind) / (g + h)
    first = torch.where(has_ahead2, (ahead * (h + h2) - (ahead2 - ahead) * h) / (h + h2), ahead)
    last = torch.where(has_behind2, (behind * (g + g2) + (behind - behind2) * g) / (g + g2), behind)
    one_sided = torch.where(has_ahead, first, last)
    found = torch.where(has_ahead & has_behind, central, one_sided)
    return torch.where(has_ahead | has_behind, found, torch.nan)


def _soft(v: torch.Tensor) -> torch.Tensor:
    return 4 * torch.tanh(v / 4)


def _flagged(value: torch.Tensor, known: torch.Tensor) -> list[torch.Tensor]:
    known = known[..., None]
    return [torch.where(known, value, 0.0), known.to(value.dtype)]


def features(
    pose: torch.Tensor, time_s: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns joints' features [B,T,J,F], which joints are there, and the body's way [B,T,R].

    The groups are position, velocity and bone, as `models.pose_features` defines them.

    Args:
        pose: [B,T,26,2], y up, NaN where missing.
        time_s: [B,T].
    """
    joints = pose.shape[2]
    there = torch.isfinite(pose).all(-1)
    pose = torch.where(there[..., None], pose, torch.nan)
    root, kind = find_root(pose)
    size = body_size(pose, root)[..., None, None]
    local = pose - root[:, :, None]
    there = torch.isfinite(local).all(-1) & torch.isfinite(size[..., 0])
    steps = torch.where(kind[:, 1:] == kind[:, :-1], time_s.diff(dim=1), 0.0)
    rate = slope(torch.cat([local, root[:, :, None]], 2), steps)
    change = slope(rate[:, :, -1:], steps)
    moving, changing = torch.isfinite(rate).all(-1), torch.isfinite(change).all(-1)
    size = torch.where(size > 0, size, 1.0)
    speed = torch.asinh(rate.nan_to_num(0.0) / size)
    force = torch.asinh(change.nan_to_num(0.0) / size / 10)
    position = _soft(local.nan_to_num(0.0) / size)
    parents = torch.from_numpy(bone_parents())
    has = there & there[:, :, parents] & (parents >= 0)
    bone = torch.where(has[..., None], (pose - pose[:, :, parents]).nan_to_num(0.0) / size, 0.0)
    length = bone.norm(dim=-1, keepdim=True)
    unit = torch.where(length > 1e-18, bone / length.clamp_min(1e-18), 0.0)
    channels = [
        torch.ones_like(length),
        position,
        *_flagged(speed[:, :, :joints], moving[:, :, :joints] & there),
        _soft(bone),
        length.clamp_max(4),
        unit,
        has[..., None].to(pose.dtype),
    ]
    joint = torch.where(there[..., None], torch.cat(channels, -1), 0.0)
    somebody = torch.isfinite(root).all(-1) & torch.isfinite(size[:, :, 0, 0])
    filled = root.nan_to_num(0.0)
    begin = filled.gather(1, somebody.int().argmax(1)[:, None, None].expand(-1, 1, 2))
    whole = [
        torch.ones_like(filled[..., :1]),
        torch.asinh((filled - begin) / size[:, :, 0]),
        *_flagged(speed[:, :, joints], moving[:, :, joints] & somebody),
        *_flagged(force[:, :, 0], changing[:, :, 0] & somebody),
    ]
    return joint, there, torch.where(somebody[..., None], torch.cat(whole, -1), 0.0)


def bone_parents() -> np.ndarray:
    """Returns each joint's parent, -1 where there is none or its mirror image is no bone."""
    parents, flip = np.asarray(_SKELETON.parents), np.asarray(_SKELETON.flip)
    image = np.where(parents[flip] >= 0, flip[parents[flip]], -1)
    return np.where(image == parents, parents, -1)


def adjacency() -> torch.Tensor:
    """Returns self, parent, child and mirror of each joint, f32[4,J,J]."""
    out = torch.zeros(4, len(_SKELETON), len(_SKELETON))
    out[0] = torch.eye(len(_SKELETON))
    for joint, (parent, partner) in enumerate(zip(_SKELETON.parents, _SKELETON.flip, strict=True)):
        if parent >= 0:
            out[1, joint, parent] = out[2, parent, joint] = 1.0
        if partner != joint:
            out[3, joint, partner] = 1.0
    return out


class GraphConv(nn.Module):
    """Means over a joint's neighbours that are seen, and a learned mixture of all."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("fixed", adjacency(), persistent=False)
        self.adjacency = nn.Parameter(torch.zeros_like(self.fixed))
        self.out = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Mixes x [B,T,J,D], 0 where mask bool[B,T,J] is False."""
        there = mask.to(x.dtype)
        neighbours = torch.einsum("kij,btj->btik", self.fixed, there).clamp_min(1)
        number = there.sum(-1).clamp_min(1)[..., None, None, None]
        x = x * there[..., None]
        near = self.fixed.transpose(0, 1) / neighbours[..., None]
        links = near + self.adjacency.transpose(0, 1) * (mask.shape[-1] / number)
        mixed = links.flatten(2, 3) @ x
        return self.out(mixed.unflatten(2, (mask.shape[-1], -1)).flatten(-2)) * there[..., None]


class TemporalConv(nn.Module):
    """Depthwise dilated convolution over time whose missing taps take the centre's value."""

    def __init__(self, width: int, taps: int, dilation: int) -> None:
        super().__init__()
        self.kernel, self.bias = (
            nn.Parameter(torch.zeros(taps, width)),
            nn.Parameter(torch.zeros(width)),
        )
        self.dilation = dilation

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Filters x [B,T,J,D] along T, 0 where mask bool[B,T,J] is False."""
        frames, taps, d = x.shape[1], len(self.kernel), self.dilation
        there = mask.to(x.dtype)[..., None]
        margin = (0, 0, 0, 0, taps // 2 * d, taps // 2 * d)
        wide, seen = functional.pad(x * there, margin), functional.pad(there, margin)
        absent = 1 - torch.cat([seen[:, k * d : k * d + frames] for k in range(taps)], -1)
        y = self.bias + x * there * (absent @ self.kernel)
        for k in range(taps):
            y = y + self.kernel[k] * wide[:, k * d : k * d + frames]
        return y * there


class PoseBlock(nn.Module):
    """One residual block: joints are mixed, then time, then channels."""

    def __init__(self, width: int, taps: int, dilation: int) -> None:
        super().__init__()
        self.LayerNorm_0 = nn.LayerNorm(width, EPSILON)
        self.LayerNorm_1 = nn.LayerNorm(width, EPSILON)
        self.graph = GraphConv(width)
        self.time = TemporalConv(width, taps, dilation)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Maps x [B,T,J,D] to the same shape, 0 where mask bool[B,T,J] is False."""
        x = x + self.graph(self.LayerNorm_0(x), mask)
        y = self.up(self.time(self.LayerNorm_1(x), mask))
        y = self.down(functional.gelu(y, approximate="tanh"))
        return x + y * mask[..., None]


class JointPool(nn.Module):
    """Mean and maximum of the joints seen, side by side and projected."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.out = nn.Linear(2 * width, features)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Pools x [B,T,J,D], 0 where mask bool[B,T,J] is False, to [B,T,D']."""
        some, there = mask.any(-1, keepdim=True), mask[..., None]
        high = x.masked_fill(~there, -torch.inf).amax(-2)
        high = torch.where(some, high, 0.0)
        mean = x.sum(-2) / there.sum(-2).clamp_min(1)
        return torch.where(some, self.out(torch.cat([mean, high], -1)), 0.0)


class PoseStream(nn.Module):
    """Encodes features of poses into one vector a frame."""

    def __init__(self, features: int, width: int, depth: int, channels: int, root: int) -> None:
        super().__init__()
        self.embed = nn.Linear(channels, width)
        self.embed_root = nn.Linear(root, width, bias=False)
        self.joints = nn.Parameter(torch.zeros(len(_SKELETON), width))
        self.blocks = [f"block_{k}" for k in range(depth)]
        for k, name in enumerate(self.blocks):
            self.add_module(name, PoseBlock(width, 5, (1, 2, 4)[k % 3]))
        self.norm = nn.LayerNorm(width, EPSILON)
        self.pool = JointPool(width, features)
        self.out_norm = nn.LayerNorm(features, EPSILON)

    def forward(
        self, pose: torch.Tensor, time_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps poses [B,T,26,2] to [B,T,D] and the frames that show a joint bool[B,T,1]."""
        joint, mask, whole = features(pose, time_s)
        x = self.embed(joint) + self.joints + self.embed_root(whole)[:, :, None]
        x = x * mask[..., None]
        for name in self.blocks:
            x = getattr(self, name)(x, mask)
        x = self.norm(x) * mask[..., None]
        present = mask.any(-1, keepdim=True)
        return torch.where(present, self.out_norm(self.pool(x, mask)), 0.0), present
