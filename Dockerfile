# The image for cluster.yaml and KubeRay: Ray, the packages and this project, without root's rights.
#   docker build -t lineart .                         # for CPUs
#   docker build -t lineart --build-arg DEVICE=gpu .  # with CUDA
#   docker run --rm -v "$PWD:/work" -w /work lineart lineart demo
# Ray and Python are those of pyproject.toml.
ARG DEVICE=cpu
FROM rayproject/ray:2.60.0-py311-${DEVICE}

# The base image's user `ray`; as a number, so that Kubernetes can tell that it is not root.
USER 1000:100
COPY --chown=1000:100 lineart /opt/lineart/lineart
COPY --chown=1000:100 pyproject.toml README.md LICENSE /opt/lineart/

# torch for CPUs alone is 3 GB smaller. What DEVICE is, a build stage has to be told again.
ARG DEVICE
RUN pip install --no-cache-dir uv==0.13.9 \
 && if [ "$DEVICE" = cpu ]; then export UV_TORCH_BACKEND=cpu; fi \
 && cp -r /opt/lineart /tmp/lineart \
 && uv pip install --system --no-cache '/tmp/lineart[upscale]' \
 && rm -rf /tmp/lineart

# No entry point: `ray up` and KubeRay start commands of their own.
CMD ["lineart", "--help"]
