"""Random BVH motions: trees, channel orders, End Sites, joints that move against their parents."""

from __future__ import annotations

import numpy as np

from dance_jax.data.bvh import END, POSITIONS, ROTATIONS, Bvh


def random_bvh(seed, joints=12, frames=20, moving=0.3, unit=1.0):
    """Returns a random motion, depth first, with End Sites; a share `moving` has positions too."""
    random = np.random.default_rng(seed)
    parents = [-1, *(int(random.integers(0, j)) for j in range(1, joints))]
    children = {j: [c for c, p in enumerate(parents) if p == j] for j in range(joints)}
    names, up, offsets, channels, blocks = [], [], [], [], []
    todo = [(0, -1)]
    while todo:
        joint, above = todo.pop()
        here = len(names)
        names.append(f"Joint {joint}" if seed % 2 else f"joint_{joint}")
        up.append(above)
        offset = random.normal(size=3) * 0.3 * unit * (joint > 0)
        offsets.append(offset)
        turns = tuple(random.permutation(ROTATIONS).tolist())
        moves = POSITIONS if joint == 0 or random.random() < moving else ()
        channels.append(moves + turns)
        if moves:
            blocks.append(offset + 0.1 * unit * random.normal(size=(frames, 3)))
        blocks.append(random.uniform(-180, 180, (frames, 3)))
        if not children[joint]:
            names.append(names[here] + END)
            up.append(here)
            offsets.append(random.normal(size=3) * 0.1 * unit)
            channels.append(())
        todo += [(child, here) for child in children[joint]]
    return Bvh(
        tuple(names),
        tuple(up),
        np.array(offsets),
        tuple(channels),
        np.concatenate(blocks, 1),
        1 / random.choice([24, 30, 60, 120]),
    )
