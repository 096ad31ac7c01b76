"""Logs of wiping tools read into contents of records: nothing guessed, nothing without a result taken as passed."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import load
from registry.errors import Rejected
from registry.wipe_logs import formats, lacking, merged, read_log

NWIPE = """\
[2026/11/20 08:59:41]    info: nwipe 0.42
[2026/11/20 08:59:42]  notice: Found /dev/sda,  ATA, ST2000NM0055-1V4104, 2000 GB, S/N=ZC20ABCD
[2026/11/20 08:59:42]    info: /dev/sda, sector(logical)/block(physical) sizes 512/4096
[2026/11/20 08:59:43]  notice: Found /dev/sdb,  USB, Flash Disk, 16 GB, S/N=AA11
[2026/11/20 08:59:44]  notice: Program options are set as follows...
[2026/11/20 08:59:44]  notice:   banner       = nwipe 0.42
[2026/11/20 08:59:44]  notice:   method       = Fill With Zeros
[2026/11/20 09:00:00]  notice: Invoking method 'Fill With Zeros' on /dev/sda
[2026/11/20 09:00:00]  notice: Starting round 1 of 1 on /dev/sda
[2026/11/20 13:12:40]  notice: [SUCCESS] Blanked device /dev/sda
[2026/11/20 13:12:41]    info: Nwipe successfully completed. See summary table for details.

********************************* Drive Status *********************************
!   Device | Status | Thru-put | HH:MM:SS | Model/Serial Number
--------------------------------------------------------------------------------
       sda | Erased |  131MB/s | 04:12:40 | ST2000NM0055-1V4104/ZC20ABCD
********************************************************************************
"""
NWIPE_JSON: dict[str, Any] = {
    "report_metadata": {"generated_at": "2026-11-20_13-12-41", "software": "nwipe", "version": "0.42"},
    "organization": {"business_name": "Unknown"},
    "device": {
        "name": "/dev/sda",
        "model": "ST2000NM0055",
        "serial_no": "ZC20ABCD",
        "size_bytes": 2000398934016,
        "size_text": "2000 GB",
    },
    "wipe_result": {
        "status": "success",
        "rounds_requested": 1,
        "pass_errors": 0,
        "verify_errors": 0,
        "start_time": 1795136400,
        "end_time": 1795151560,
        "duration_seconds": 15160,
    },
}
SANITIZED: dict[str, Any] = {
    "nvme0": {
        "sprog": 65535,
        "sstat": {
            "global_erased": 1,
            "no_cmplted_passes": 0,
            "status": "(1) Most Recent Sanitize Command Completed Successfully.",
        },
        "cdw10_info": 2,
        "time_over_write": 4294967295,
    }
}
LISTED: dict[str, Any] = {
    "Devices": [
        {"DevicePath": "/dev/nvme1n1", "ModelNumber": "OTHER", "SerialNumber": "S0", "PhysicalSize": 1},
        {
            "DevicePath": "/dev/nvme0n1",
            "Firmware": "EDA7202Q",
            "ModelNumber": "SAMSUNG MZ1LB960HAJQ-00007",
            "SerialNumber": "S435NA0M801234",
            "PhysicalSize": 960197124096,
        },
    ]
}
HDPARM = """\
hdparm v9.65

/dev/sda:

ATA device, with non-removable media
\tModel Number:       INTEL SSDSC2KB480G8
\tSerial Number:      PHYF1234000480BGN
\tdevice size with M = 1000*1000:      480103 MBytes (480 GB)

/dev/sda:
Issuing SANITIZE_STATUS command
Sanitize status:
    State:    SD0 Sanitize Idle
    Last Sanitize Operation Completed Without Error
"""
BLANCCO = """\
<?xml version="1.0" encoding="UTF-8"?>
<root><report><blancco_data>
<description><document_log><log_entry><author><product_version>7.9.0</product_version></author></log_entry></document_log></description>
<blancco_erasure_report><entries name="erasures"><entries name="erasure">
<entry name="start_time" type="string">2026-11-20T09:00:00+0800</entry>
<entry name="end_time" type="string">2026-11-20T13:12:40+0800</entry>
<entry name="failed_sectors" type="uint">0</entry>
<entry name="state" type="string">Successful</entry>
<entry name="erasure_standard_name" type="string">NIST 800-88 Purge</entry>
<entries name="target"><entry name="model">ST2000NM0055</entry><entry name="serial">ZC20ABCD</entry>
<entry name="vendor">Seagate</entry><entry name="capacity">2000398934016</entry></entries>
</entries></entries></blancco_erasure_report></blancco_data></report></root>
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "wipe.log"
    path.write_text(text, "utf-8")
    return path


def refused(tmp_path: Path, text: str, name: str) -> str:
    with pytest.raises(Rejected) as told:
        read_log(written(tmp_path, text), name)
    return told.value.message


# ---- nwipe ------------------------------------------------------------------------------------------------


def test_nwipe_lines_give_the_fields_of_a_record(tmp_path: Path) -> None:
    path = written(tmp_path, NWIPE)
    [found] = read_log(path, "nwipe_log")
    assert found.content == {
        "tool": "nwipe",
        "tool_version": "0.42",
        "model": "ST2000NM0055-1V4104",
        "serial_no": "ZC20ABCD",
        "capacity": "2000 GB",
        "technique": "overwrite",
        "started_at": "2026-11-20T09:00:00+08:00",
        "finished_at": "2026-11-20T13:12:40+08:00",
        "evidence_hashes": [hashlib.sha256(path.read_bytes()).hexdigest()],
    }
    assert (found.result, found.places["technique"], found.unverified) == ("pass", "第 8 行", False)


def test_the_clock_of_the_machine_that_wiped_is_given(tmp_path: Path) -> None:
    [found] = read_log(written(tmp_path, NWIPE), "nwipe_log", clock="UTC")
    assert found.content["started_at"] == "2026-11-20T09:00:00+00:00"
    with pytest.raises(Rejected, match="没有时区“Mars/Olympus”"):
        read_log(written(tmp_path, NWIPE), "nwipe_log", clock="Mars/Olympus")


@pytest.mark.parametrize("status", ["-FAILED-", "UABORTED", "INSANITY"])
def test_a_failed_or_aborted_nwipe_is_a_failed_wipe(tmp_path: Path, status: str) -> None:
    [found] = read_log(written(tmp_path, NWIPE.replace("| Erased |", f"|{status}|")), "nwipe_log")
    assert (found.result, found.content["verification_result"]) == ("fail", "fail")


def test_errors_that_nwipe_counted_make_it_fail_whatever_the_status_says(tmp_path: Path) -> None:
    errors = "[2026/11/20 13:12:40]   error: 3 verification errors on '/dev/sda'.\n"
    [found] = read_log(written(tmp_path, errors + NWIPE), "nwipe_log")
    assert found.result == "fail"


def test_an_unknown_method_or_status_names_line_and_word(tmp_path: Path) -> None:
    said = refused(
        tmp_path, NWIPE.replace("method 'Fill With Zeros'", "method 'Verify Zeros (0x00)'"), "nwipe_log"
    )
    assert said.startswith("第 8 行的“Verify Zeros (0x00)”不在")
    said = refused(tmp_path, NWIPE.replace("| Erased |", "|MAYBE ? |"), "nwipe_log")
    assert "第 16 行的“MAYBE ?”" in said


def test_a_log_cut_before_the_end_proves_nothing(tmp_path: Path) -> None:
    assert "不能当作通过" in refused(tmp_path, NWIPE[: NWIPE.index("*****")], "nwipe_log")


def test_two_runs_in_one_log_contradict_each_other(tmp_path: Path) -> None:
    again = NWIPE + NWIPE.replace("| Erased |", "|-FAILED-|")
    assert "矛盾" in refused(tmp_path, again, "nwipe_log")


def test_two_devices_are_two_wipes(tmp_path: Path) -> None:
    second = [line for line in NWIPE.splitlines() if "sda" in line]
    both = NWIPE + "\n".join(second).replace("sda", "sdc").replace("ZC20ABCD", "ZC20WXYZ")
    found = read_log(written(tmp_path, both), "nwipe_log")
    assert [one.content["serial_no"] for one in found] == ["ZC20ABCD", "ZC20WXYZ"]


def test_the_json_report_of_nwipe_is_read(tmp_path: Path) -> None:
    [found] = read_log(written(tmp_path, json.dumps(NWIPE_JSON)), "nwipe_json")
    assert found.content["started_at"] == "2026-11-20T09:00:00+08:00"
    assert (found.content["serial_no"], found.content["tool_version"], found.result) == (
        "ZC20ABCD",
        "0.42",
        "pass",
    )
    assert "technique" not in found.content


@pytest.mark.parametrize("change", [{"status": "failure"}, {"verify_errors": 1}, {"pass_errors": 7}])
def test_a_failed_nwipe_report_is_a_failed_wipe(tmp_path: Path, change: dict[str, Any]) -> None:
    report = NWIPE_JSON | {"wipe_result": NWIPE_JSON["wipe_result"] | change}
    [found] = read_log(written(tmp_path, json.dumps(report)), "nwipe_json")
    assert found.result == "fail"


# ---- others -----------------------------------------------------------------------------------------------


def test_nvme_logs_are_joined_with_the_list_of_devices(tmp_path: Path) -> None:
    [found] = read_log(written(tmp_path, json.dumps(SANITIZED) + "\n" + json.dumps(LISTED)), "nvme_json")
    assert found.content["technique"] == "sanitize_block_erase"
    assert found.content["serial_no"] == "S435NA0M801234"
    assert (found.content["capacity"], found.result) == ("960197124096 字节", "pass")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("(3) Most Recent Sanitize Command Failed.", "fail"),
        ("(4) Most Recent Sanitize Command (No-Deallocate After Sanitize) Completed Successfully.", "pass"),
    ],
)
def test_nvme_states_are_told_apart(tmp_path: Path, status: str, told: str) -> None:
    log = {"nvme0": SANITIZED["nvme0"] | {"sstat": {"status": status}}}
    [found] = read_log(written(tmp_path, json.dumps(log) + json.dumps(LISTED)), "nvme_json")
    assert found.result == told


@pytest.mark.parametrize(
    "status", ["(2) Sanitize in Progress.", "(0) NVM Subsystem has never been sanitized.", ""]
)
def test_nvme_states_that_prove_nothing_are_refused(tmp_path: Path, status: str) -> None:
    log = {"nvme0": SANITIZED["nvme0"] | {"sstat": {"status": status}}}
    assert "不猜测" in refused(tmp_path, json.dumps(log), "nvme_json")


def test_hdparm_output_is_read_and_marked_unverified(tmp_path: Path) -> None:
    [found] = read_log(written(tmp_path, HDPARM), "hdparm_text")
    assert (found.content["serial_no"], found.content["tool_version"]) == ("PHYF1234000480BGN", "9.65")
    assert (found.result, found.unverified) == ("pass", True)


def test_a_running_or_failed_hdparm_sanitize_is_no_pass(tmp_path: Path) -> None:
    state = "    State:    SD0 Sanitize Idle\n    Last Sanitize Operation Completed Without Error\n"
    running = HDPARM.replace(state, "    State:    SD2 Sanitize operation In Process\n")
    assert "“SD2”" in refused(tmp_path, running, "hdparm_text")
    failed = HDPARM.replace(state, "    State:    SD3 Sanitize Operation Failed\n")
    [found] = read_log(written(tmp_path, failed), "hdparm_text")
    assert found.result == "fail"


def test_a_report_of_blancco_is_read(tmp_path: Path) -> None:
    [found] = read_log(written(tmp_path, BLANCCO), "blancco_xml")
    assert found.content["tool_version"] == "7.9.0"
    assert (found.content["manufacturer"], found.content["serial_no"]) == ("Seagate", "ZC20ABCD")
    assert found.content["finished_at"] == "2026-11-20T13:12:40+08:00"
    assert (found.result, found.unverified, "technique" in found.content) == ("pass", True, False)


def test_blancco_failures_count(tmp_path: Path) -> None:
    for text in (BLANCCO.replace("Successful", "Failed"), BLANCCO.replace('"uint">0<', '"uint">12<')):
        [found] = read_log(written(tmp_path, text), "blancco_xml")
        assert found.result == "fail"
    assert "“Perhaps”" in refused(tmp_path, BLANCCO.replace("Successful", "Perhaps"), "blancco_xml")


def test_xml_that_would_expand_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><root>&a;</root>'
    assert "不是合法的 XML" in refused(tmp_path, bomb, "blancco_xml")


# ---- generic ----------------------------------------------------------------------------------------------


def test_generic_tables_take_keys_or_chinese_names(tmp_path: Path) -> None:
    rows = ["ZC1,覆写一遍,2026-11-20T09:00,通过,0.1", "ZC2,degauss,2026-11-20T09:00,fail,"]
    text = "\n".join(("序列号,technique,开始时间,result,抽样比例", *rows))
    found = read_log(written(tmp_path, text), "csv")
    assert [one.content["technique"] for one in found] == ["overwrite", "degauss"]
    assert [one.result for one in found] == ["pass", "fail"]
    assert (found[0].content["started_at"], found[0].content["sample_ratio"]) == (
        "2026-11-20T09:00:00+08:00",
        0.1,
    )


def test_generic_json_names_unknown_fields_and_words(tmp_path: Path) -> None:
    assert "没有“colour”这个字段" in refused(tmp_path, '[{"colour": "red"}]', "json")
    assert "第 1 项.technique的“magic”" in refused(tmp_path, '[{"technique": "magic"}]', "json")
    assert "没有写明清除结果" in refused(tmp_path, '[{"serial_no": "Z"}]', "json")
    [found] = read_log(written(tmp_path, '{"serial_no": "Z", "result": "pass"}'), "json")
    assert found.content["serial_no"] == "Z"


@pytest.mark.parametrize("name", sorted(formats()))
@pytest.mark.parametrize(
    "text", ["", "{", "[]", "<x/>", "hello\n", "1", "a,a\n1,2\n", '{"a": {"a": 1, "a": 2}}']
)
def test_no_format_takes_what_is_none_of_its_logs(tmp_path: Path, name: str, text: str) -> None:
    assert refused(tmp_path, text, name)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Rejected, match="不是 UTF-8"):
        read_log(path, "nwipe_log")


def test_an_unknown_format_names_those_there_are(tmp_path: Path) -> None:
    assert "可用：nwipe_json、nwipe_log" in refused(tmp_path, "", "dban")


def test_every_choice_that_words_mean_is_one_of_the_law() -> None:
    specs = load()
    techniques = {row.key for row in specs.retirement.techniques} | {""}
    results = {row.key for row in specs.wiping.results}
    for spec in formats().values():
        assert set(spec.words.get("technique", {}).values()) <= techniques
        assert set(spec.words.get("result", {}).values()) <= results


# ---- made whole -------------------------------------------------------------------------------------------


def test_the_steward_adds_what_the_log_does_not_tell(tmp_path: Path) -> None:
    logged = read_log(written(tmp_path, NWIPE), "nwipe_log")
    [whole] = merged(logged, [{"property_no": "ZY-1", "evidence_hashes": ["a" * 64], "model": ""}])
    assert (whole["property_no"], whole["serial_no"], len(whole["evidence_hashes"])) == (
        "ZY-1",
        "ZC20ABCD",
        2,
    )
    assert "资产编号" not in lacking(whole, "physical")
    assert {"厂商", "介质类型", "操作人", "副本范围"} <= set(lacking(whole, "physical"))
    assert not {"验证人", "审批人", "清除证明编号", "验证结果"} & set(lacking(whole, "physical"))


def test_what_contradicts_the_log_is_refused_with_both(tmp_path: Path) -> None:
    logged = read_log(written(tmp_path, NWIPE), "nwipe_log")
    with pytest.raises(Rejected, match=r"“序列号”在日志里是“ZC20ABCD”（第 2 行），另填的是“OTHER”"):
        merged(logged, [{"serial_no": "OTHER"}])


def test_a_failed_log_cannot_be_called_passed(tmp_path: Path) -> None:
    logged = read_log(written(tmp_path, NWIPE.replace("| Erased |", "|-FAILED-|")), "nwipe_log")
    with pytest.raises(Rejected, match="验证结果"):
        merged(logged, [{"verification_result": "pass"}])


def test_additions_are_one_for_all_or_one_for_each(tmp_path: Path) -> None:
    text = "serial_no,result\nZC1,pass\nZC2,pass\n"
    logged = read_log(written(tmp_path, text), "csv")
    rows = [{"serial_no": "ZC2", "property_no": "B"}, {"serial_no": "ZC1", "property_no": "A"}]
    assert [one["property_no"] for one in merged(logged, rows)] == ["A", "B"]
    assert [one["property_no"] for one in merged(logged, [{"property_no": "X"}])] == ["X", "X"]
    with pytest.raises(Rejected, match="2 次清除，另填的有 3 行"):
        merged(logged, [*rows, {}])
