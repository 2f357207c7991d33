"""kafka_producer against a real broker that stops, starts and refuses (LOG-02, LOG-06)."""

import collections
import json
import threading
import time

import pytest

from kafka_broker import KafkaBroker
from sinks import SinkDriver, make_authority, make_certificate, silent_peer, until

QUERIES = ["pack_a_processes", "users", "mounts"]
LARGEST = 100_000  # bytes of a batch that the broker takes


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    for authority in ["ca", "stranger"]:
        make_authority(folder, authority)
    make_certificate(folder, "broker", "ca", "IP:127.0.0.1")
    (folder / "server.pem").write_text((folder / "broker.key").read_text() + (folder / "broker.pem").read_text())
    return folder


@pytest.fixture(scope="module")
def broker(tmp_path_factory, certificates):
    broker = KafkaBroker(tmp_path_factory.mktemp("broker"), f"message.max.bytes={LARGEST}", certificates)
    broker.start()
    yield broker
    broker.close()


def line(query, number):
    return f'{query}\t{{"name":"{query}","n":{number}}}\n'


def numbers(messages, query):
    return [row["n"] for row in (json.loads(text) for _, _, text in messages) if row["name"] == query]


def first_disorder(got):
    """Where a number first comes after a greater one; what comes again does not count."""
    first_of_each = list(dict.fromkeys(got))
    for i in range(1, len(first_of_each)):
        if first_of_each[i] < first_of_each[i - 1]:
            return f"at {i} of {len(first_of_each)}: {first_of_each[max(0, i - 2):i + 2]}"
    return None


def test_every_line_arrives_in_order_while_the_broker_stops_and_starts(broker, record_property):
    driver = SinkDriver("kafka_producer", f"--logger_kafka_brokers={broker.address}", "--logger_kafka_topic=outages")
    fed = collections.Counter()
    ended = threading.Event()

    def feed():
        while not ended.is_set():
            for query in QUERIES:
                driver.feed("".join(line(query, fed[query] + i) for i in range(10)))
                fed[query] += 10
            time.sleep(0.02)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        for end in [broker.stop, broker.kill]:
            time.sleep(1)
            end()
            time.sleep(1)
            broker.start()
        time.sleep(1)
    finally:
        ended.set()
        feeder.join()
    told = driver.finish()
    # A broker that has just recovered may show its last messages a moment late.
    end = time.monotonic() + 30
    messages = broker.consume("outages")
    while time.monotonic() < end and any(len(set(numbers(messages, query))) < fed[query] for query in QUERIES):
        time.sleep(1)
        messages = broker.consume("outages")
    repeated = 0
    # Kafka keeps the order of a partition. All lines have one key, and so one partition for as long as the brokers list
    # them all: one that has just come back may not.
    partitions = {partition for partition, _, _ in messages}
    for query in QUERIES:
        got = numbers(messages, query)
        repeated += len(got) - len(set(got))
        missing = sorted(set(range(fed[query])) - set(got))
        assert not missing, f"{query}: {len(missing)} of {fed[query]} lines did not arrive, first {missing[:3]}; {told}"
        for partition in partitions:
            disorder = first_disorder(numbers([one for one in messages if one[0] == partition], query))
            if disorder:
                raise AssertionError(f"{query}, partition {partition} of {sorted(partitions)}: {disorder}\n"
                                     f"{repeated} repeated so far, {told['failures']} failures\n"
                                     f"{driver.errors()[-800:]}")
    print(f"{sum(fed.values())} lines, {repeated} repeated")
    assert repeated == 0, driver.errors()[-800:]
    assert told["losses"] == {}
    assert told["delivered"] == sum(fed.values())


def test_topics_by_query_and_what_has_none(broker):
    driver = SinkDriver("kafka_producer", f"--logger_kafka_brokers={broker.address}", "--kafka_topics=some:users,mounts")
    driver.feed("".join(line(query, n) for n in range(50) for query in QUERIES))
    told = driver.finish()
    messages = broker.consume("some")
    assert numbers(messages, "users") == numbers(messages, "mounts") == list(range(50))
    assert numbers(messages, "pack_a_processes") == []
    assert told["losses"]["kafka_producer/message/no topic"][0] == 50
    assert driver.errors().count("kafka_topics does not name it") == 1
    assert len({partition for partition, _, _ in messages}) == 1
    assert {key.split("_")[-1] for _, key, _ in messages} == {"ospreyd"}


def test_a_line_that_the_broker_refuses_for_its_size_is_counted_and_the_rest_goes_on(broker):
    driver = SinkDriver("kafka_producer", f"--logger_kafka_brokers={broker.address}", "--logger_kafka_topic=sizes")
    driver.feed("".join(line("users", n) for n in range(100)))
    driver.feed(f"=users\t{LARGEST + 50_000}\n")
    driver.feed("".join(line("users", n) for n in range(100, 200)))
    driver.feed("=users\t90000\n=users\t1500000\n")
    driver.feed(line("users", 200))
    told = driver.finish()
    texts = [text for _, _, text in broker.consume("sizes")]
    assert sorted({json.loads(text)["n"] for text in texts if text.startswith("{")}) == list(range(201))
    assert {len(text) for text in texts if text.startswith("x")} == {90_000}
    assert told["losses"]["kafka_producer/message/too long"] == [2, LARGEST + 50_000 + 1_500_000]
    assert "Lines too long for the logger kafka_producer: 1 lost" in driver.errors()


@pytest.mark.parametrize("known", [0, 10], ids=["from the first line on", "after others"])
def test_batches_that_the_broker_refuses_are_not_overtaken(broker, known):
    """What has waited for a broker goes in batches larger than it takes, all but the last."""
    topic = f"batches-{known}"
    flags = [f"--logger_kafka_brokers={broker.address}", f"--logger_kafka_topic={topic}"]
    creator = SinkDriver("kafka_producer", *flags)
    creator.feed(line("mounts", 0))
    creator.finish()
    driver = SinkDriver("kafka_producer", *flags)
    driver.feed("".join(line("users", n) for n in range(known)))
    if known:
        until(lambda: numbers(broker.consume(topic), "users") == list(range(known)), 30, lambda: "nothing has arrived")
    broker.kill()
    driver.feed("".join(line("users", n) for n in range(known, 4000)))
    broker.start()
    told = driver.finish()
    got = numbers(broker.consume(topic), "users")
    disorder = first_disorder(got)
    if disorder or len(set(got)) != 4000:
        raise AssertionError(f"{len(set(got))} of 4000, {len(got)} messages; {disorder}\n{driver.errors()[-800:]}")
    assert told["losses"] == {}


@pytest.mark.parametrize("flag", ["compression=gzip", "compression=lz4", "compression=snappy", "compression=zstd",
                                  "acks=1", "acks=0"])
def test_compression_and_acknowledgements(broker, flag):
    topic = flag.replace("=", "-")
    driver = SinkDriver("kafka_producer", f"--logger_kafka_brokers={broker.address}", f"--logger_kafka_topic={topic}",
                        f"--logger_kafka_{flag}")
    driver.feed("".join(line("users", n) for n in range(500)))
    driver.finish()
    assert numbers(broker.consume(topic), "users") == list(range(500))


def test_tls_with_the_right_authority(broker, certificates):
    driver = SinkDriver("kafka_producer", f"--logger_kafka_brokers=ssl://127.0.0.1:{broker.tls_port}",
                        "--logger_kafka_topic=secure", f"--tls_server_certs={certificates / 'ca.pem'}")
    driver.feed(line("users", 0))
    driver.finish()
    assert numbers(broker.consume("secure"), "users") == [0]


@pytest.mark.parametrize("host, authority", [("127.0.0.1", "stranger"), ("localhost", "ca")])
def test_no_line_goes_to_a_broker_that_cannot_show_who_it_is(broker, certificates, host, authority):
    driver = SinkDriver("kafka_producer", f"--logger_kafka_brokers=ssl://{host}:{broker.tls_port}",
                        "--logger_kafka_topic=refused", f"--tls_server_certs={certificates / authority}.pem")
    driver.feed(line("users", 0))
    driver.wait_for_error("certificate")
    told = driver.stop()
    assert told["delivered"] == 0
    assert told["backlog"] >= 1
    assert told["stop_ms"] < 1500


def test_a_broker_that_hangs_does_not_hold_up_a_stop(broker):
    with silent_peer() as port:
        driver = SinkDriver("kafka_producer", f"--logger_kafka_brokers=127.0.0.1:{port}", "--logger_kafka_topic=hang")
        driver.feed(line("users", 0))
        time.sleep(1)
        told = driver.stop()
    assert told["delivered"] == 0
    assert told["stop_ms"] < 1500


@pytest.mark.parametrize("flags, word", [
    (["--logger_kafka_topic="], "logger_kafka_topic: is empty: set it"),
    (["--logger_kafka_topic=t", "--logger_kafka_acks=2"], 'logger_kafka_acks: "2" is none of'),
    (["--logger_kafka_topic=t", "--logger_kafka_compression=rar"], 'logger_kafka_compression: "rar" is none of'),
    (["--logger_kafka_topic=t", "--logger_kafka_brokers="], "logger_kafka_brokers: names no broker"),
    (["--logger_kafka_topic=t", "--logger_kafka_brokers=ssl://127.0.0.1:1", "--tls_server_certs=/nowhere.pem"],
     "tls_server_certs: /nowhere.pem"),
])
def test_what_cannot_be_right_is_said(flags, word):
    driver = SinkDriver("kafka_producer", *flags)
    driver.feed(line("users", 0))
    driver.wait_for_error(word)
    assert driver.stop()["delivered"] == 0


def test_an_agents_lines_are_the_same_in_the_file_and_in_the_topic(broker, make_agent):
    """Two sinks of one agent; the broker is away for a while, the file is not held up (LOG-05)."""
    agent = make_agent()
    agent.configure({"schedule": {name: {"query": f"select '{name}' as name, unix_time from time", "interval": 1}
                                  for name in ["first", "second"]}})
    agent.start("--schedule_splay_percent=100", "--logger_plugin=filesystem,kafka_producer",
                f"--logger_kafka_brokers={broker.address}", "--logger_kafka_topic=agent")

    def lines():
        return (agent.logs / "ospreyd.results.log").read_text().splitlines()

    agent.wait_for(lambda: agent.lines() and len(lines()) > 4)
    broker.kill()
    before = len(lines())
    agent.wait_for(lambda: len(lines()) > before + 4, what="lines in the file while the broker is away")
    broker.start()
    after = len(lines())
    agent.wait_for(lambda: len(lines()) > after + 4)

    def all_there():
        return set(lines()[:after]) <= {text for _, _, text in broker.consume("agent")}

    agent.wait_for(all_there, timeout=60, what="every line in the topic")
    assert agent.stop() == 0
    for name in ["first", "second"]:
        logged = [text for text in lines() if json.loads(text)["name"] == name]
        sent = list(dict.fromkeys(text for _, _, text in broker.consume("agent") if json.loads(text)["name"] == name))
        assert sent[:after // 2] == logged[:after // 2], name
