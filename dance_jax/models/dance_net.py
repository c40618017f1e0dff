"""The full network: frames and poses -> streams -> memory -> fusion -> scores, style and angles."""

from __future__ import annotations

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dance_jax.models import encoders
from dance_jax.models.attention import AttentionPooling, TemporalAttentionBlock
from dance_jax.models.fusion import Fusion
from dance_jax.models.heads import ATTRIBUTES, SCALE, Heads, MapScoreHead
from dance_jax.models.inputs import Inputs, features_of, measure_stream
from dance_jax.models.movement_statistics import StatisticsStream
from dance_jax.models.pose_features import FeatureOptions
from dance_jax.models.pose_stream import PoseStream
from dance_jax.models.recurrent import LSTM
from dance_jax.models.weights import normalise

STREAMS = ("frames", "pose", "measures", "beats")
POOLING = ("attention", "mean", "both")


class DanceNet(nn.Module):
    """Scores, style and joint angles of windows of dance.

        S = encoder(frames),  P = pose stream(pose)                  what each frame shows
        H = BiLSTM([S; P])  (+ attention over time)                  what it is a part of
        F = fusion(S, H, P, measures, beats)                         Shen's Eq. 6-9 for S and H
        y = heads(pool over time of F)

    Without frames among its streams the network takes P for S. A stream that is absent from a row
    is a mask: a learned token stands in for it, and what its arrays hold has no influence. With
    `causal` all of it looks back only, and `every_frame` gives predictions after each frame.

    Attributes:
        streams: which of `STREAMS` the network has; frames or pose at least.
        encoder: of the frames, a key of `encoders.ENCODERS`.
        encoder_options: pairs of (attribute, value) of that encoder.
        features: D, width of S, of P and of each part of F.
        hidden: units of each direction of the LSTM.
        layers: of the LSTM.
        attention_heads: of a block of attention over time on H; 0 for none.
        fusion: of `fusion.FUSIONS`.
        fusion_heads: of its attentions.
        pooling: of frames to a clip: "attention", "mean", or "both" side by side.
        pose: what is computed from poses.
        pose_width: of the joints' vectors.
        pose_depth: blocks of the pose stream; each may have a dilation of its own.
        dilations: of their convolutions over time.
        spatial: how joints are mixed: "graph", "attention" or "both".
        joint_drop: rate at which a joint is hidden while training.
        statistics: the heads see statistics of the movement too (`movement_statistics`); they need
            the whole window, so not with `causal`.
        n_styles: classes of the style head; 0 for none.
        attributes: scores beside the aesthetic and the biomechanical one.
        angle_names: joint angles predicted at each frame; () for none.
        head_hidden: width of each score's hidden layer; 0 for none.
        start: every score at first; best the mean of the training set.
        dropout: rate everywhere but in the encoder.
        causal: predictions at a frame depend on frames up to it.
        dtype: of the computation; parameters, statistics and predictions are float32.
        axis_name: mapped axis over which the encoder's BatchNorm is synchronised.
    """

    streams: tuple[str, ...] = ("frames", "pose")
    encoder: str = "resnet50"
    encoder_options: tuple[tuple[str, Any], ...] = ()
    features: int = 256
    hidden: int = 256
    layers: int = 2
    attention_heads: int = 0
    fusion: str = "gated"
    fusion_heads: int = 8
    pooling: str = "both"
    pose: FeatureOptions = FeatureOptions()
    pose_width: int = 64
    pose_depth: int = 3
    dilations: tuple[int, ...] = (1, 2, 4)
    spatial: str = "graph"
    joint_drop: float = 0.1
    statistics: bool = False
    n_styles: int = 0
    attributes: tuple[str, ...] = ATTRIBUTES
    angle_names: tuple[str, ...] = ()
    head_hidden: int = 0
    start: float = SCALE / 2
    dropout: float = 0.3
    causal: bool = False
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, inputs: Inputs, *, train: bool = False, every_frame: bool = False
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        """Predicts.

        Args:
            inputs: of B windows of T frames.
            train: dropout is on (rng "dropout"), BatchNorm takes the batch's statistics.
            every_frame: only with `causal`: predictions of the clip up to each frame, [B,T,...].

        Returns:
            predictions, those of `heads.Heads`, and with frames "aesthetic_map" and
            "aesthetic_map_logit" f32[B], of the head that class activation maps take apart;
            intermediates: "spatial" and "temporal" [B,T,*], "fused" [B,T,*], "pooled" [B,*],
            "time_weights" f32[B,T], those of the fusion as "fusion_NAME", with frames "maps"
            [B,T,h,w,K], with poses "joint" [B,T,J,*].

        Raises:
            ValueError: an attribute is wrong, or no stream of the network is given.
        """
        self._check(inputs, every_frame)
        mask = inputs.frame_mask
        out: dict[str, jax.Array] = {}
        parts, present, predictions = {}, {}, {}
        if "frames" in self.streams:
            parts["frames"], present["frames"], predictions = self._frames(inputs, out, train)
        if "pose" in self.streams:
            parts["pose"], present["pose"] = self._pose(inputs, out, train)
        first = "frames" if "frames" in self.streams else "pose"
        temporal = self._remember(parts, present, inputs, train)
        rows: dict[str, jax.Array | None] = {first: parts[first], "temporal": temporal}
        widths = [(first, self.features), ("temporal", 2 * self.hidden)]
        if first == "frames" and "pose" in parts:
            rows["pose"] = parts["pose"]
            widths.append(("pose", self.features))
        for name, given in (("measures", inputs.measures), ("beats", inputs.beats)):
            if name in self.streams and given is not None:
                rows[name], known = (
                    measure_stream(given)
                    if name == "measures"
                    else (jnp.nan_to_num(given), jnp.isfinite(given).all(-1))
                )
                present[name] = known
                widths.append((name, rows[name].shape[-1]))
        fused, more = Fusion(
            tuple(widths),
            self.features,
            self.fusion,
            self.fusion_heads,
            self.causal,
            dropout=self.dropout,
            dtype=self.dtype,
            name="fusion",
        )(rows, mask, {name: present[name] for name in rows if name in present}, train=train)
        pooled, weights = self._pool(fused, mask)
        if self.statistics:
            wide = self._statistics(inputs, train)
            pooled = jnp.concatenate([pooled, wide], -1)
        heads = Heads(
            self.n_styles,
            self.attributes,
            self.angle_names,
            self.head_hidden,
            self.start,
            self.dropout,
            self.dtype,
            name="heads",
        )
        if every_frame:
            flat = pooled.reshape(-1, pooled.shape[-1])
            made = heads(flat, fused.reshape(len(flat), 1, -1), mask.reshape(-1, 1), train=train)
            shape = mask.shape
            made = {
                k: v.reshape(*shape, *v.shape[2 if k == "angles" else 1 :]) for k, v in made.items()
            }
        else:
            if self.causal:
                last = jnp.maximum(_last(mask), 0)[:, None, None]
                pooled = jnp.take_along_axis(pooled, last, 1)[:, 0]
                weights = jnp.take_along_axis(weights, last, 1)[:, 0]
            made = heads(pooled, fused, mask, train=train)
        out |= {"spatial": parts[first], "temporal": temporal, "fused": fused}
        out |= {"pooled": pooled, "time_weights": weights}
        out |= {f"fusion_{name}": value for name, value in more.items()}
        return {**made, **predictions}, out

    def _frames(self, inputs: Inputs, out: dict, train: bool) -> tuple[Any, Any, dict]:
        """Returns S [B,T,D], where it is there bool[B,T], and what the map head predicts."""
        mask = inputs.frame_mask
        there = jnp.ones(mask.shape[:1], bool) if inputs.has_frames is None else inputs.has_frames
        known = mask & there[:, None]
        if inputs.frames is None and inputs.encoded is None:
            # Parameters are made from a batch that has them; here every row lacks them.
            return jnp.zeros((*mask.shape, self.features), self.dtype), known & False, {}
        made: dict[str, jax.Array] = {}
        if inputs.encoded is None:
            shape = inputs.frames.shape
            pictures = normalise(inputs.frames.reshape(-1, *shape[2:]))
            found = encoders.make(
                self.encoder,
                dtype=self.dtype,
                axis_name=self.axis_name,
                name="encoder",
                **dict(self.encoder_options),
            )(pictures, known.reshape(-1), train=train)
            maps = found[encoders.last_map(self.encoder)]
            out["maps"] = maps = maps.reshape(*shape[:2], *maps.shape[1:])
            score, logit = MapScoreHead(name="map_score")(maps, known)
            made = {"aesthetic_map": score, "aesthetic_map_logit": logit}
            pooled = found.get("features", found["pooled"]).reshape(*shape[:2], -1)
        else:
            pooled = jnp.where(known[..., None], inputs.encoded, 0)
        spatial = nn.Dense(self.features, dtype=self.dtype, name="spatial")(pooled)
        spatial = nn.LayerNorm(dtype=jnp.float32, name="spatial_norm")(spatial)
        return jnp.where(known[..., None], spatial, 0).astype(self.dtype), known, made

    def _pose(self, inputs: Inputs, out: dict, train: bool) -> tuple[jax.Array, jax.Array]:
        """Returns P [B,T,D] and the frames that show a joint bool[B,T]."""
        if inputs.pose is None:
            shape = (*inputs.frame_mask.shape, self.features)
            return jnp.zeros(shape, self.dtype), inputs.frame_mask & False
        stream = PoseStream(
            self.features,
            self.pose_width,
            self.pose_depth,
            self.dilations,
            skeleton=self.pose.skeleton,
            spatial=self.spatial,
            causal=self.causal,
            dropout=self.dropout,
            joint_drop=self.joint_drop,
            dtype=self.dtype,
            name="pose_stream",
        )
        made, more = stream(features_of(inputs, self.pose), inputs.frame_mask, train=train)
        out["joint"] = more["joint"]
        return made, more["present"]

    def _statistics(self, inputs: Inputs, train: bool) -> jax.Array:
        """Returns f32[B,K] of the poses, 0 for a row without."""
        options = dataclasses.replace(self.pose, groups=("position",))
        found = features_of(inputs, options)
        return StatisticsStream(name="statistics_stream")(
            found, inputs.time_s, inputs.frame_mask, train=train
        )

    def _remember(self, parts: dict, present: dict, inputs: Inputs, train: bool) -> jax.Array:
        """Returns H [B,T,2*hidden] of the streams side by side, a learned token for an absent."""
        mask, rows = inputs.frame_mask, []
        for name, x in parts.items():
            token = self.param(f"absent_{name}", nn.initializers.normal(0.02), (self.features,))
            rows.append(jnp.where(present[name][..., None], x, token.astype(self.dtype)))
        x = jnp.concatenate(rows, -1)
        x = nn.Dropout(self.dropout)(x, deterministic=not train)
        memory = LSTM(
            self.hidden, self.layers, self.causal, self.dropout, self.dtype, name="memory"
        )(x, mask, train=train)
        if self.attention_heads:
            memory = TemporalAttentionBlock(
                self.attention_heads, self.causal, self.dropout, dtype=self.dtype, name="attention"
            )(memory, mask, inputs.time_s, train=train)
        return memory

    def _pool(self, x: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns f32[B,*] and the weights of the frames f32[B,T]; causal: after each frame."""
        found = []
        count = jnp.cumsum(mask, 1) if self.causal else mask.sum(1, keepdims=True)
        even = mask.astype(jnp.float32) / jnp.maximum(mask.sum(1, keepdims=True), 1)
        if self.causal:
            earlier = jnp.tril(jnp.ones((mask.shape[1],) * 2, bool)) & mask[:, None]
            even = earlier / jnp.maximum(count, 1)[..., None]
        weights = even
        if self.pooling in ("attention", "both"):
            pooled, weights = AttentionPooling(causal=self.causal, dtype=self.dtype, name="pool")(
                x, mask
            )
            found.append(pooled.astype(jnp.float32))
        if self.pooling in ("mean", "both"):
            wide = jnp.where(mask[..., None], x, 0).astype(jnp.float32)
            found.append(jnp.einsum("b...t,btd->b...d", even, wide))
        return jnp.concatenate(found, -1), weights

    def _check(self, inputs: Inputs, every_frame: bool) -> None:
        if unknown := set(self.streams) - set(STREAMS):
            raise ValueError(f"unknown streams {sorted(unknown)}: use {STREAMS}")
        if not {"frames", "pose"} & set(self.streams):
            raise ValueError(f"frames or pose must be among the streams, got {self.streams}")
        if self.pooling not in POOLING:
            raise ValueError(f"pooling must be one of {POOLING}, got {self.pooling!r}")
        if every_frame and not self.causal:
            raise ValueError("every_frame needs causal=True: the others see the whole clip")
        if self.statistics and (self.causal or "pose" not in self.streams):
            raise ValueError("statistics=True needs poses and the whole window: no causal=True")
        if self.causal and not self.pose.causal and "pose" in self.streams:
            raise ValueError("causal=True needs pose=FeatureOptions(causal=True)")
        given = inputs.pose is not None and "pose" in self.streams
        pictures = inputs.frames is not None or inputs.encoded is not None
        if not given and not (pictures and "frames" in self.streams):
            raise ValueError(f"none of the network's streams {self.streams} is given")


def _last(mask: jax.Array) -> jax.Array:
    """Returns the place of each row's last valid frame, -1 where there is none."""
    places = jnp.where(mask, jnp.arange(mask.shape[1]), -1)
    return places.max(1)
