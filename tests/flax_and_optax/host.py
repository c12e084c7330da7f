"""One host of two, with four pretended devices: trains an epoch on all eight, and prints its losses.

python host.py ADDRESS NUMBER, as test_train.py starts it; both hosts make the same digits for themselves.
"""

import json
import sys

import jax
import numpy as np

jax.config.update("jax_num_cpu_devices", 4)
jax.distributed.initialize(sys.argv[1], num_processes=2, process_id=int(sys.argv[2]))

from blog_code.flax_and_optax.train import Config, copy_to_all, data_mesh, init_state, train_epoch  # noqa: E402

config = Config(hidden=32, latent=4, batch=16, epochs=3, seed=1)
image = np.random.default_rng(0).integers(0, 256, (80, 784), np.uint8)
mesh = data_mesh(jax.devices())
state = copy_to_all(init_state(config, 80), mesh)
digits = copy_to_all((image, np.arange(80) % 10), mesh)
key = jax.random.split(jax.random.key(2), 1)[0]
_, losses = train_epoch(state, *digits, key, batch=16, mesh=mesh)
print(json.dumps({"devices": mesh.size, "losses": np.asarray(losses).tolist()}))
