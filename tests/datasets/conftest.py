"""A small OpenML: real files of its formats, and an ``openml`` that can reach nothing else."""

import hashlib
import http.server
import io
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

XMLNS = 'xmlns:oml="http://openml.org/openml"'
PARQUET = "/datasets/small.pq"
PROCEDURE = '<oml:parameter name="number_folds">2</oml:parameter>' * 2
TYPE_NAMES = {
    1: "Supervised Classification",
    2: "Supervised Regression",
    5: "Clustering",
    7: "Survival Analysis",
}


@dataclass
class SmallTask:
    """A task, its data set and its folds. Test rows of fold 0 are those with ``row % 5 == 4``.

    ``columns`` maps a name to its ARFF type and its values, ``None`` being a missing one; the
    type of a nominal column is the tuple of its labels. With ``parquet``, the description says
    where a copy of the data in that format is to be had, as OpenML's server does.
    """

    columns: dict
    task_id: int = 31
    data_id: int = 77
    type_id: int = 1
    target: str = "class"
    sparse: bool = False
    parquet: bool = False
    server: str = "http://127.0.0.1:9/api/v1/xml"
    train_rows: list = field(init=False)

    def __post_init__(self):
        n_rows = len(next(iter(self.columns.values()))[1])
        self.train_rows = [row for row in range(n_rows) if row % 5 != 4]

    def files(self):
        """The files by the place that openml caches them at."""
        data, task = f"datasets/{self.data_id}", f"tasks/{self.task_id}"
        return {
            f"{data}/description.xml": self.description_xml(),
            f"{data}/features.xml": self.features_xml(),
            f"{data}/dataset.arff": self.arff(),
            f"{task}/task.xml": self.task_xml(),
            f"{task}/datasplits.arff": self.splits_arff(),
        }

    def write_to(self, cache: Path):
        for place, text in self.files().items():
            path = cache / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf8")

    def description_xml(self):
        kind = "Sparse_ARFF" if self.sparse else "ARFF"
        return (
            f"<oml:data_set_description {XMLNS}><oml:id>{self.data_id}</oml:id>"
            "<oml:name>small</oml:name><oml:version>1</oml:version>"
            f"<oml:description>made by a test</oml:description><oml:format>{kind}</oml:format>"
            f"<oml:url>{self.host}/files/data.arff</oml:url>"
            + (f"<oml:parquet_url>{self.host}{PARQUET}</oml:parquet_url>" if self.parquet else "")
            + "</oml:data_set_description>"
        )

    def parquet_bytes(self):
        """The data as a parquet file, nominal columns as categories."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                name: pd.Categorical(values, categories=list(kind))
                if isinstance(kind, tuple)
                else pd.Series(values, dtype=None if kind == "STRING" else "float64")
                for name, (kind, values) in self.columns.items()
            }
        )
        stream = io.BytesIO()
        frame.to_parquet(stream)
        return stream.getvalue()

    @property
    def host(self):
        return self.server.split("/api/")[0]

    def features_xml(self):
        parts = []
        for index, (name, (kind, values)) in enumerate(self.columns.items()):
            labels = kind if isinstance(kind, tuple) else ()
            data_type = "nominal" if labels else "string" if kind == "STRING" else "numeric"
            parts.append(
                f"<oml:feature><oml:index>{index}</oml:index><oml:name>{name}</oml:name>"
                f"<oml:data_type>{data_type}</oml:data_type>"
                + "".join(f"<oml:nominal_value>{label}</oml:nominal_value>" for label in labels)
                + f"<oml:is_target>{str(name == self.target).lower()}</oml:is_target>"
                "<oml:is_ignore>false</oml:is_ignore>"
                "<oml:is_row_identifier>false</oml:is_row_identifier>"
                f"<oml:number_of_missing_values>{values.count(None)}"
                "</oml:number_of_missing_values></oml:feature>"
            )
        return f"<oml:data_features {XMLNS}>{''.join(parts)}</oml:data_features>"

    def arff(self):
        lines = ["@RELATION small"]
        for name, (kind, _) in self.columns.items():
            labels = "{" + ",".join(kind) + "}" if isinstance(kind, tuple) else kind
            lines.append(f"@ATTRIBUTE {name} {labels}")
        lines.append("@DATA")
        rows = zip(*(values for _, values in self.columns.values()), strict=True)
        lines.extend(self.sparse_line(row) if self.sparse else self.line(row) for row in rows)
        return "\n".join(lines) + "\n"

    def line(self, row):
        return ",".join("?" if value is None else str(value) for value in row)

    def sparse_line(self, row):
        # What is left out of a sparse line is 0, or the first label of a nominal column.
        kinds = [kind for kind, _ in self.columns.values()]
        default = [kind[0] if isinstance(kind, tuple) else 0 for kind in kinds]
        pairs = [
            f"{i} {'?' if value is None else value}"
            for i, value in enumerate(row)
            if value != default[i]
        ]
        return "{" + ",".join(pairs) + "}"

    def task_xml(self):
        return (
            f"<oml:task {XMLNS}><oml:task_id>{self.task_id}</oml:task_id>"
            f"<oml:task_type_id>{self.type_id}</oml:task_type_id>"
            f"<oml:task_type>{TYPE_NAMES[self.type_id]}</oml:task_type>"
            '<oml:input name="source_data"><oml:data_set>'
            f"<oml:data_set_id>{self.data_id}</oml:data_set_id>"
            f"<oml:target_feature>{self.target}</oml:target_feature>"
            '</oml:data_set></oml:input><oml:input name="estimation_procedure">'
            "<oml:estimation_procedure><oml:type>crossvalidation</oml:type>"
            f"<oml:data_splits_url>{self.host}/files/splits.arff</oml:data_splits_url>{PROCEDURE}"
            "</oml:estimation_procedure></oml:input></oml:task>"
        )

    def splits_arff(self):
        lines = [
            "@RELATION splits",
            "@ATTRIBUTE type {TRAIN,TEST}",
            "@ATTRIBUTE rowid INTEGER",
            "@ATTRIBUTE repeat INTEGER",
            "@ATTRIBUTE fold INTEGER",
            "@DATA",
        ]
        n_rows = len(next(iter(self.columns.values()))[1])
        for fold, rest in ((0, 4), (1, 0)):
            lines += [
                f"{'TEST' if row % 5 == rest else 'TRAIN'},{row},0,{fold}" for row in range(n_rows)
            ]
        return "\n".join(lines) + "\n"


@pytest.fixture
def small_task():
    """The class that makes small tasks."""
    return SmallTask


@pytest.fixture
def loopback_only(monkeypatch):
    """Every connection to anything but this machine fails at once."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
            raise ConnectionRefusedError(f"a test tried to reach {address}")
        return connect(self, address)

    def resolve(host, *args, **kwargs):
        if host not in ("127.0.0.1", "::1", "localhost", None):
            raise socket.gaierror(f"a test tried to look up {host}")
        return getaddrinfo(host, *args, **kwargs)

    getaddrinfo = socket.getaddrinfo
    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def openml_cache(monkeypatch, tmp_path, loopback_only):
    """An empty cache of ``openml``; its server is a port of this machine nobody listens on."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("OPENML_CACHE_DIR", str(tmp_path / "cache"))
    import openml

    monkeypatch.setattr(openml.config, "_root_cache_directory", tmp_path / "cache")
    monkeypatch.setattr(openml.config, "server", SmallTask.server)
    monkeypatch.setattr(openml.config, "apikey", "")
    monkeypatch.setattr(openml.config, "connection_n_retries", 1)
    return Path(openml.config.get_cache_directory())


@pytest.fixture
def openml_server(monkeypatch, openml_cache):
    """A server on this machine that speaks enough of OpenML's REST interface.

    Yields the routes, to be filled with texts or bytes by path, and the paths that were asked for.
    """
    import openml

    routes, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.wfile.write(self.answer())

        def do_HEAD(self):
            self.answer()

        def answer(self):
            error = (
                f"<oml:error {XMLNS}><oml:code>151</oml:code>"
                "<oml:message>Unknown task</oml:message></oml:error>"
            )
            body = routes.get(self.path, error)
            body = body if isinstance(body, bytes) else body.encode()
            self.send_response(200 if self.path in routes else 412)
            self.send_header("Content-Length", str(len(body)))
            # What the client of the parquet store wants to know before it downloads.
            self.send_header("ETag", hashlib.md5(body, usedforsecurity=False).hexdigest())
            self.send_header("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT")
            self.end_headers()
            return body

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/api/v1/xml"
    monkeypatch.setattr(openml.config, "server", url)
    try:
        yield url, routes, asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
