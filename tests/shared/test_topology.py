import json

import pytest

from ops.stack import topology
from ops.stack.topology import Function
from shared import log
from shared.warehouse import registry
from tests.infra.stubs import NAMES, SETTINGS, TARGETS

pytestmark = pytest.mark.fast


def functions(**settings: str) -> dict[str, Function]:
    made = topology.functions(NAMES, SETTINGS | settings, TARGETS)
    return {function.name.removeprefix("totestream-test-"): function for function in made}


def test_every_warehouse_table_has_a_function_and_a_queue() -> None:
    tables = {function.table for function in functions().values() if function.table}
    assert tables == set(TARGETS) == {queue.table for queue in topology.queues(TARGETS)}


def test_a_queue_hears_of_all_its_sources() -> None:
    assert topology.queues(TARGETS)[0] == topology.TableQueue("dim_staff", ("department", "staff"))


def test_extract_load_and_watch_have_a_schedule_and_extract_compares_once_a_day() -> None:
    made = topology.schedules(NAMES, SETTINGS)
    scheduled = [(each.name.removeprefix("totestream-test-"), each.expression, each.event) for each in made]
    assert scheduled == [
        ("extract", "rate(1 minute)", '{"rule": "totestream-test-extract"}'),
        ("load", "rate(2 minutes)", '{"rule": "totestream-test-load"}'),
        ("watch", "rate(1 minute)", '{"rule": "totestream-test-watch"}'),
        ("expire", "cron(30 4 * * ? *)", '{"rule": "totestream-test-expire"}'),
        ("reconcile", "cron(30 3 * * ? *)", '{"do": "reconcile", "rule": "totestream-test-reconcile"}'),
    ]
    assert made[-1].function == made[0].function == NAMES.function("extract")


def test_what_a_schedule_starts_says_so_in_the_log_and_what_somebody_invokes_does_not() -> None:
    for schedule in topology.schedules(NAMES, SETTINGS):
        assert log.started_by(json.loads(schedule.event)) == {"rule": schedule.name}
    assert log.started_by({"do": "count"}) == log.started_by({"Records": []}) == {}


def test_a_message_stays_hidden_for_six_times_what_a_transform_may_take() -> None:
    assert functions()["transform-dim_staff"].timeout_s * 6 == topology.VISIBILITY_S


def test_a_dead_letter_is_kept_longer_than_a_message() -> None:
    assert topology.DEAD_LETTER_RETENTION_S > topology.QUEUE_RETENTION_S


def test_a_function_is_told_what_it_needs_and_nothing_else() -> None:
    common = {"PROJECT", "STAGE", "ACCOUNT_ID", "PARTITION"}
    told = {name: set(function.environment) - common for name, function in functions().items()}
    database = {"DATABASE_CA", "DATABASE_PLAINTEXT"}
    warehouse = database | {"WAREHOUSE_SECRET", "WAREHOUSE_SCHEMA"}
    assert told == {
        "extract": database | {"SOURCE_SECRET"},
        "transform-dim_staff": {"TARGET"},
        "transform-fact_payment": {"TARGET"},
        "load": warehouse | {"REASK_AFTER_S"},
        "migrate": warehouse | {"WAREHOUSE_OWNER_SECRET", "WAREHOUSE_READER_SECRET"},
        "watch": {"REASK_AFTER_S", "FRESHNESS_OBJECTIVE_S", "COMMAND_OPTIONS", "ACCOUNT_EXPIRES"},
        "alert": {"SLACK_SECRET", "SLACK_HOSTS", "ALERT_EMAIL"},
        "inspect": warehouse - {"WAREHOUSE_SECRET"} | {"WAREHOUSE_READER_SECRET"},
        "expire": {"RETENTION_DAYS"},
    }


def test_no_environment_holds_a_name_that_lambda_keeps_for_itself() -> None:
    assert not [n for f in functions().values() for n in f.environment if n.startswith("AWS_")]


def test_without_an_owners_login_the_loaders_own_makes_the_tables() -> None:
    assert functions()["migrate"].environment["WAREHOUSE_OWNER_SECRET"] == "test/warehouse"
    assert "WAREHOUSE_OWNER_SECRET" not in topology.secrets(SETTINGS)


def test_slacks_webhook_is_a_secret_where_there_is_one() -> None:
    assert topology.secrets(SETTINGS)["SLACK_SECRET"] == "test/slack"
    assert "SLACK_SECRET" not in topology.secrets(SETTINGS | {"SLACK_SECRET": ""})


def test_an_owners_login_is_a_secret_of_its_own() -> None:
    settings = SETTINGS | {"WAREHOUSE_OWNER_SECRET": "test/owner"}
    assert topology.secrets(settings)["WAREHOUSE_OWNER_SECRET"] == "test/owner"


def test_a_private_authority_is_named_by_its_place_in_the_package() -> None:
    told = functions(DATABASE_CA="/home/me/ca.pem")["load"].environment["DATABASE_CA"]
    assert told == topology.CA_IN_PACKAGE


def test_what_talks_to_a_database_is_private() -> None:
    assert {n for n, f in functions().items() if f.private} == {"extract", "load", "migrate", "inspect"}


def test_the_page_names_every_arrow() -> None:
    text = topology.overview(NAMES, SETTINGS, TARGETS)
    assert "changes of department, staff -> totestream-test-transform-dim_staff" in text
    assert "manifests of totestream-test-processed-123456789012 -> totestream-test-load" in text
    assert "topic totestream-test-alerts: incidents, alarms -> totestream-test-alert" in text
    assert "SampleCount of OpenIncidents in 5 x 60 s -> totestream-test-mail" in text


def test_a_trigger_queue_without_notifications_is_shown_with_nothing() -> None:
    text = topology.overview(NAMES, SETTINGS | {"LOAD_ON_MANIFEST": "no"}, TARGETS)
    assert "queue totestream-test-bell: nothing -> totestream-test-load" in text


def test_a_trigger_is_not_delivered_twice_while_its_load_may_still_run() -> None:
    assert functions()["load"].timeout_s <= topology.TRIGGER_VISIBILITY_S


def test_a_trigger_whose_load_failed_is_delivered_again_before_it_expires() -> None:
    assert topology.TRIGGER_VISIBILITY_S < topology.TRIGGER_RETENTION_S


def test_the_checkouts_own_tables_are_the_registrys() -> None:
    assert topology.known_targets() is registry.TARGETS
