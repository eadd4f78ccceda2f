"""Every mistake of the configuration is a line, and what can be looked at all the same stays."""

from pathlib import Path

from stock_assets.doctor.configuration import configuration_diagnoses, read_configuration
from stock_assets.doctor.keys import key_diagnoses
from stock_assets_tests.doctor.live_universe import ECOS_KEY, edit, install

NO_KEY = {"STOCK_ASSETS_ECOS_KEY": ""}


def test_a_right_configuration_is_one_line(tmp_path: Path) -> None:
    configuration = read_configuration(install(tmp_path))
    (diagnosis,) = configuration_diagnoses(configuration)
    assert diagnosis.verdict == "ok" and "has 5 instruments." in diagnosis.found


def test_covariates_are_counted_apart(tmp_path: Path) -> None:
    vix = "{id: vix, name: VIX, exchange: XNYS, currency: USD, return_kind: price"
    more = f"covariates:\n  - {vix}, sources: [{{source: yahoo, symbol: ^VIX}}]}}\n"
    (diagnosis,) = configuration_diagnoses(read_configuration(install(tmp_path, more=more)))
    assert "has 5 instruments, and 1 covariates and exchange rates." in diagnosis.found


def test_every_mistake_is_a_line_of_its_own_and_the_universe_is_known(tmp_path: Path) -> None:
    settings = install(tmp_path)
    edit(settings, "horizon:", "horizons:", "stage1.yaml")
    configuration = edit(settings, "exchange: XNYS", "exchange: XNYC")
    diagnoses = list(configuration_diagnoses(configuration))
    assert [diagnosis.verdict for diagnosis in diagnoses] == ["failed"] * len(diagnoses)
    assert any("XNYC" in diagnosis.found for diagnosis in diagnoses)
    assert any("stage1.yaml" in diagnosis.found and "horizons" in diagnosis.found for diagnosis in diagnoses)
    assert configuration.usable is not None and configuration.usable.instrument_ids[0] == "kospi"


def test_a_universe_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    settings = install(tmp_path)
    configuration = edit(settings, "name: live", "name: [live")
    assert configuration.named is None and configuration.usable is None
    (diagnosis,) = configuration_diagnoses(configuration)
    assert diagnosis.verdict == "failed" and "universe.yaml" in diagnosis.found


def test_a_universe_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    settings = install(tmp_path)
    settings.universe_dir.rename(settings.universe_dir.with_name("another"))
    (diagnosis,) = configuration_diagnoses(read_configuration(settings))
    assert diagnosis.verdict == "failed" and diagnosis.found.endswith("are another.")


def test_a_required_instrument_without_a_key_fails_and_an_optional_one_is_left_out(tmp_path: Path) -> None:
    settings = install(tmp_path, **NO_KEY)
    configuration = read_configuration(settings)
    (diagnosis,) = configuration_diagnoses(configuration)
    assert diagnosis.verdict == "failed" and "instruments.kor3y" in diagnosis.found
    assert configuration.usable is configuration.named

    configuration = edit(settings, "id: kor3y,", "id: kor3y, optional: true,")
    warning, fine = configuration_diagnoses(configuration)
    assert warning.verdict == "warning" and "kor3y is left out" in warning.found
    assert fine.verdict == "ok" and "has 4 instruments." in fine.found
    assert configuration.named is not None and "kor3y" in configuration.named.instrument_ids
    assert configuration.usable is not None and "kor3y" not in configuration.usable.instrument_ids


def test_keys_are_told_by_source_and_never_shown(tmp_path: Path) -> None:
    settings = install(tmp_path, STOCK_ASSETS_FRED_KEY="hunter2-of-fred")
    named = read_configuration(settings).named
    assert named is not None
    found = {diagnosis.subject: diagnosis for diagnosis in key_diagnoses(named, settings)}
    assert list(found) == ["key of yahoo", "key of treasury", "key of fred", "key of ecos"]
    assert {diagnosis.verdict for diagnosis in found.values()} == {"ok"}
    assert found["key of ecos"].found == "STOCK_ASSETS_ECOS_KEY is set."
    assert found["key of fred"].found == "STOCK_ASSETS_FRED_KEY is set."
    assert found["key of yahoo"].found == "No key is needed."
    assert ECOS_KEY not in str(found) and "hunter2" not in str(found)


def test_a_missing_key_fails_where_an_instrument_cannot_do_without(tmp_path: Path) -> None:
    settings = install(tmp_path, **NO_KEY)
    named = read_configuration(settings).named
    assert named is not None
    diagnosis = list(key_diagnoses(named, settings))[-1]
    assert (diagnosis.subject, diagnosis.verdict) == ("key of ecos", "failed")
    assert "STOCK_ASSETS_ECOS_KEY is not set" in diagnosis.found and diagnosis.found.endswith(" kor3y.")
    assert diagnosis.remedy is not None and "set STOCK_ASSETS_ECOS_KEY" in diagnosis.remedy


def test_a_missing_key_is_a_warning_where_there_is_another_source(tmp_path: Path) -> None:
    settings = install(tmp_path, **NO_KEY)
    another = "{source: ecos, symbol: 817Y002/010200000}, {source: fred, symbol: KR3Y}"
    named = edit(settings, "{source: ecos, symbol: 817Y002/010200000}", another).named
    assert named is not None
    assert [diagnosis.verdict for diagnosis in key_diagnoses(named, settings)] == ["ok"] * 3 + ["warning"]


def test_sources_that_the_universe_does_not_name_need_no_line(tmp_path: Path) -> None:
    settings = install(tmp_path)
    text = (settings.universe_dir / "universe.yaml").read_text(encoding="utf-8")
    for source in ("ecos", "treasury", "fred"):
        text = text.replace(f"source: {source}", "source: csv")
    (settings.universe_dir / "universe.yaml").write_text(text, encoding="utf-8")
    named = read_configuration(settings).named
    assert named is not None
    assert [diagnosis.subject for diagnosis in key_diagnoses(named, settings)] == ["key of yahoo"]
