"""A server that speaks S3, its buckets, and what is put there."""

import hashlib
import sys
from pathlib import Path

import cv2
import numpy as np
from click.testing import CliRunner, Result

from colorize_gan.cli.batch import colorize_batch
from colorize_gan.infer.batch.folder_state import FOLDER

SECRET = "a-key-that-nobody-may-see"
BATCH = [sys.executable, "-c", "from colorize_gan.cli.batch import colorize_batch; colorize_batch()"]


class Endpoint:
    """The server. What is in its buckets outlives it."""

    def __init__(self) -> None:
        self._port = 0
        self.start()
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()
        _, self._port = self._server.get_host_and_port()

    def stop(self) -> None:
        self._server.stop()


class Bucket:
    """The bucket of one test."""

    def __init__(self, endpoint: Endpoint, name: str) -> None:
        self.endpoint, self.name = endpoint, name
        import boto3

        self.client = boto3.client("s3", endpoint_url=endpoint.url)
        self.client.create_bucket(Bucket=name)

    def url(self, name: str) -> str:
        return f"s3://{self.name}/{name}"

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=name, Body=content)

    def fill(self, folder: Path, prefix: str) -> None:
        for path in folder.rglob("*"):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def names(self, prefix: str) -> list[str]:
        """Names below a prefix, without the record."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=f"{prefix}/")
        names = [
            each["Key"].removeprefix(f"{prefix}/") for page in pages for each in page.get("Contents", [])
        ]
        return [name for name in names if not name.startswith(f"{FOLDER}/")]

    def tree(self, prefix: str) -> dict[str, str]:
        """Digests of all below a prefix, without the record."""
        objects = {
            name: self.client.get_object(Bucket=self.name, Key=f"{prefix}/{name}")["Body"].read()
            for name in self.names(prefix)
        }
        return {name: hashlib.sha256(content).hexdigest() for name, content in objects.items()}


def photographs(folder: Path, photo: np.ndarray, count: int) -> Path:
    """Small photographs in a tree."""
    for number in range(count):
        path = folder / ("", "a", "a/b c")[number % 3] / f"{number:02}.{('jpg', 'png')[number % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), photo[number : number + 64, number : number + 80])
    return folder


def run(model: Path, *arguments: str | Path) -> Result:
    result = CliRunner().invoke(colorize_batch, [*map(str, arguments), "--model", str(model)])
    assert SECRET not in result.output
    return result


def tree_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and FOLDER not in path.parts
    }
