"""A host of pretended devices: trains an epoch on all of them, and prints the losses.

python host.py DEVICES [ADDRESS NUMBER], as test_train.py starts it; with an address, it is one of two hosts,
which make the same digits for themselves. A process of its own, since JAX counts its devices once.
"""

import json
import sys

import jax
import numpy as np

jax.config.update("jax_num_cpu_devices", int(sys.argv[1]))
if sys.argv[2:]:
    jax.distributed.initialize(sys.argv[2], num_processes=2, process_id=int(sys.argv[3]))

from blog_code.flax_and_optax.train import Config, copy_to_all, data_mesh, init_state, train_epoch  # noqa: E402

mesh = data_mesh(jax.devices())
state = copy_to_all(init_state(Config(hidden=32, latent=4, batch=16, epochs=3, seed=1), 80), mesh)
image = np.random.default_rng(0).integers(0, 256, (80, 784), np.uint8)
digits = copy_to_all((image, np.arange(80) % 10), mesh)
_, losses = train_epoch(state, *digits, jax.random.split(jax.random.key(2), 1)[0], batch=16, mesh=mesh)
print(json.dumps({"devices": mesh.size, "losses": np.asarray(losses).tolist()}))
