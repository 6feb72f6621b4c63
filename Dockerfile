# For those who are not on Debian or Ubuntu:
#
#   docker build -t payload-ipc .
#   docker run --rm -it --privileged -v "$PWD":/src payload-ipc make demo
#
# --privileged, because the satellite on the desk makes namespaces and mounts;
# without it `make test` and `make demo` run on loopback and say what is skipped.
FROM golang:1.26-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends \
	make git gcc libc6-dev xz-utils python3 wget curl busybox nginx-light aria2 strace iproute2 qemu-user-static awscli chromium zsh fish \
	&& rm -rf /var/lib/apt/lists/*
RUN git config --system --add safe.directory /src
WORKDIR /src
