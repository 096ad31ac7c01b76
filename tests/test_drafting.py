"""Catalogue entries drafted from the DDL of the usual databases."""

from typing import Any

import pytest

from catalog_specs import load
from registry.drafting import CannotDraft, DraftedTables, draft_from_ddl
from registry.drafting.column_comments import read_comment
from registry.drafting.column_types import item_type

MYSQL_DUMP = r"""
-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `t_person`;
CREATE TABLE `t_person` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT COMMENT '主键',
  `xm` varchar(50) CHARACTER SET utf8mb4 DEFAULT '' COMMENT '姓名',
  `xb` char(1) DEFAULT '1' COMMENT '性别 1男 2女',
  `je` decimal(16,2) DEFAULT NULL COMMENT '金额（万元）',
  `gxsj` timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP COMMENT '更新时间',
  PRIMARY KEY (`id`) USING BTREE,
  KEY `idx_xm` (`xm`) COMMENT '索引'
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4 COMMENT='人口基本信息'
/*!50100 PARTITION BY HASH (id) PARTITIONS 4 */;
LOCK TABLES `t_person` WRITE;
INSERT INTO `t_person` VALUES (1,'it\'s; CREATE TABLE x (a int);','1',NULL),(2,'','2',1.00);
UNLOCK TABLES;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/
/*!50003 TRIGGER tr BEFORE INSERT ON t_person FOR EACH ROW BEGIN
  CREATE TABLE inner_table (a int); SET NEW.xb = '1';
END */;;
DELIMITER ;
CREATE TABLE `flyway_schema_history` (`installed_rank` int NOT NULL);
/*!50001 CREATE VIEW `v_person` AS SELECT 1 AS `id`, 1 AS `name`*/;
/*!50001 DROP VIEW IF EXISTS `v_person`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50001 VIEW `v_person` AS select `p`.`id` AS `id`,`p`.`xm` AS `name` from `t_person` `p` */;
"""

POSTGRES_DDL = """
-- PostgreSQL database dump
\\restrict it's
SELECT pg_catalog.set_config('search_path', '', false);
CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $_$ BEGIN foo bar; END; $_$;
CREATE TYPE public.level AS ENUM ('甲', '乙');
CREATE TABLE public.person (
    id bigint NOT NULL,
    xm character varying(50),
    tags text[],
    lv public.level,
    geom public.geometry(Point,4326),
    updated_at timestamp(6) without time zone DEFAULT now(),
    CONSTRAINT person_check CHECK ((id > 0))
) PARTITION BY RANGE (id);
COMMENT ON TABLE public.person IS '人口基本信息';
COMMENT ON COLUMN public.person.xm IS '姓名';
CREATE TABLE public.person_2020 (id bigint NOT NULL, xm character varying(50));
ALTER TABLE ONLY public.person ATTACH PARTITION public.person_2020 FOR VALUES FROM (1) TO (9);
COPY public.person (id, xm) FROM stdin;
1	it's; CREATE TABLE x (a int);
\\.
ALTER TABLE ONLY public.person ADD CONSTRAINT person_pkey PRIMARY KEY (id);
"""

ORACLE_DDL = """
prompt Created by it's me
set define off
create table T_PERSON
(
  id   VARCHAR2(32 CHAR) not null,
  je   NUMBER(16,2) default 0 not null enable,
  sl   NUMBER,
  csrq DATE
)
tablespace USERS pctfree 10 storage (initial 64K next 1M);
comment on table T_PERSON
  is '人员信息';
comment on column T_PERSON.csrq
  is '出生日期';
alter table T_PERSON add constraint PK_T_PERSON primary key (ID) using index tablespace USERS;
create or replace procedure p is
begin
  foo(1);
end p;
/
"""

DM_DDL = """
CREATE TABLE "RS"."T_PERSON"
("ID" VARCHAR(32) NOT NULL, "CSRQ" DATE, NOT CLUSTER PRIMARY KEY("ID")) STORAGE(ON "MAIN", CLUSTERBTR) ;
COMMENT ON TABLE "RS"."T_PERSON" IS '人员信息';
COMMENT ON COLUMN "RS"."T_PERSON"."CSRQ" IS '出生日期';
"""

SQLSERVER_DDL = """
SET ANSI_NULLS ON
GO
CREATE TABLE [dbo].[t_person](
	[id] [int] IDENTITY(1,1) NOT NULL,
	[xm] [nvarchar](50) NULL,
	[bz] [nvarchar](max) NULL,
	[je] [money] NULL,
 CONSTRAINT [PK_t] PRIMARY KEY CLUSTERED ([id] ASC) WITH (PAD_INDEX = OFF) ON [PRIMARY]
) ON [PRIMARY] TEXTIMAGE_ON [PRIMARY]
GO
EXEC sys.sp_addextendedproperty @name=N'MS_Description', @value=N'姓名' , @level0type=N'SCHEMA',\
@level0name=N'dbo', @level1type=N'TABLE',@level1name=N't_person', @level2type=N'COLUMN',@level2name=N'xm'
GO
EXEC sp_addextendedproperty 'MS_Description', N'备注', 'SCHEMA', N'dbo', 'TABLE', N't_person', 'COLUMN', N'bz'
GO
DECLARE @v sql_variant
SET @v = N'人员信息'
EXECUTE sp_addextendedproperty N'MS_Description', @v, N'SCHEMA', N'dbo', N'TABLE', N't_person', NULL, NULL
GO
CREATE PROCEDURE dbo.p AS
BEGIN
  CREATE TABLE #t (a int);
  whatever this is;
END
GO
"""


def items(drafted: DraftedTables, place: int = 0) -> dict[str, dict[str, Any]]:
    return {item["item_code"]: item for item in drafted.entries[place]["items"]}


def named(drafted: DraftedTables) -> list[tuple[str, list[str]]]:
    return [(entry["resource_name"], entry["format_type"]) for entry in drafted.entries]


def texts(drafted: DraftedTables, column: str | None = None) -> list[str]:
    return [note.text for note in drafted.notes if note.column == column]


def test_a_mysql_dump_becomes_an_entry_with_its_comments() -> None:
    drafted = draft_from_ddl(MYSQL_DUMP)
    entry = drafted.entries[0]
    assert entry["resource_name"] == "人口基本信息"
    assert entry["resource_abstract"] == "人口基本信息，包含主键、姓名、性别、金额、更新时间等信息项。"
    assert (entry["format_category"], entry["format_type"]) == ("3", ["MySQL"])
    assert drafted.tables_read == 2


def test_mysql_columns_keep_type_length_key_and_time_stamp() -> None:
    found = items(draft_from_ddl(MYSQL_DUMP))
    flags = {"primary_flag": False, "timestamp_flag": False}
    xm = {"item_name": "姓名", "item_code": "xm", "data_type": "C", "data_length": 50}
    assert found["xm"] == xm | flags
    assert [code for code, item in found.items() if item["primary_flag"]] == ["id"]
    assert [found["je"][key] for key in ("data_type", "data_length", "data_precision")] == ["N", 16, 2]
    assert [code for code, item in found.items() if item["timestamp_flag"]] == ["gxsj"]


def test_a_code_list_in_a_comment_becomes_the_value_range() -> None:
    sex = items(draft_from_ddl(MYSQL_DUMP))["xb"]
    assert (sex["item_name"], sex["value_range"]) == ("性别", "1男 2女")


def test_an_explanation_in_a_comment_is_told_and_not_entered() -> None:
    drafted = draft_from_ddl(MYSQL_DUMP)
    assert items(drafted)["je"]["item_name"] == "金额"
    assert texts(drafted, "je") == ["注释里的说明没有登入：万元"]


def test_nothing_is_set_that_the_steward_must_decide() -> None:
    entry = draft_from_ddl(MYSQL_DUMP).entries[0]
    assert not {"share_type", "open_type", "data_grade", "secret_flag"} & set(entry)
    assert not {"share_type", "open_type", "pii_class", "sensitive_flag"} & set(entry["items"][1])


def test_tables_of_migration_tools_are_skipped_unless_asked_for() -> None:
    assert draft_from_ddl(MYSQL_DUMP).tables_skipped == ["flyway_schema_history"]
    asked = draft_from_ddl(MYSQL_DUMP, only=["FLYWAY_schema_history"])
    assert [entry["resource_name"] for entry in asked.entries] == ["（待确认）flyway_schema_history"]


def test_a_view_takes_names_and_types_from_its_tables() -> None:
    drafted = draft_from_ddl(MYSQL_DUMP)
    name = items(drafted, 1)["name"]
    assert (name["item_name"], name["data_type"], name["data_length"]) == ("姓名", "C", 50)
    assert "这是视图，请确认是否单独编目；类型和主键请对照源表" in texts(drafted)


def test_postgres_ddl_is_read_with_its_types_and_comments() -> None:
    drafted = draft_from_ddl(POSTGRES_DDL)
    found = items(drafted)
    assert drafted.entries[0]["format_type"] == ["PostgreSQL"]
    assert (found["xm"]["item_name"], found["xm"]["data_length"]) == ("姓名", 50)
    assert [found[code]["data_type"] for code in ("id", "tags", "geom", "updated_at")] == ["I", "G", "G", "T"]
    assert (found["lv"]["value_range"], found["id"]["primary_flag"]) == ("甲、乙", True)


def test_a_partition_goes_with_its_table() -> None:
    drafted = draft_from_ddl(POSTGRES_DDL)
    assert (drafted.tables_read, drafted.tables_skipped) == (1, ["person_2020"])
    assert "这是分区，随主表编目" in texts(drafted)


def test_oracle_ddl_is_read_and_its_dates_hold_the_time() -> None:
    drafted = draft_from_ddl(ORACLE_DDL)
    found = items(drafted)
    assert named(drafted) == [("人员信息", ["Oracle"])]
    assert (found["id"]["data_length"], found["id"]["primary_flag"]) == (32, True)
    assert (found["csrq"]["item_name"], found["csrq"]["data_type"]) == ("出生日期", "T")


def test_a_number_without_digits_is_asked_about() -> None:
    drafted = draft_from_ddl(ORACLE_DDL)
    assert "data_length" not in items(drafted)["sl"]
    assert "来源没有给出数值位数，请填写数据长度" in texts(drafted, "sl")


def test_dm_ddl_is_known_by_its_storage_clause() -> None:
    drafted = draft_from_ddl(DM_DDL)
    found = items(drafted)
    assert named(drafted) == [("人员信息", ["Dm"])]
    assert (found["ID"]["primary_flag"], found["CSRQ"]["data_type"]) == (True, "D")


def test_sql_server_comments_are_found_however_the_property_is_written() -> None:
    drafted = draft_from_ddl(SQLSERVER_DDL)
    found = items(drafted)
    assert named(drafted) == [("人员信息", ["SQLServer"])]
    assert (found["xm"]["item_name"], found["bz"]["item_name"]) == ("姓名", "备注")
    assert [found[code]["data_type"] for code in ("id", "xm", "bz", "je")] == ["I", "C", "M", "Y"]
    assert found["id"]["primary_flag"] is True


def test_tables_without_semicolons_between_them_are_all_read() -> None:
    drafted = draft_from_ddl("CREATE TABLE a (id int)\nCREATE TABLE b (id int)\n", dialect="mssql")
    assert [entry["resource_name"] for entry in drafted.entries] == ["（待确认）a", "（待确认）b"]


def test_a_broken_statement_is_told_with_its_line_and_the_others_count() -> None:
    drafted = draft_from_ddl("CREATE TABLE a (id int;\nCREATE TABLE `b` (\n `id` int);\nFOO BAR;")
    assert [entry["resource_name"] for entry in drafted.entries] == ["（待确认）b"]
    told = texts(drafted)[:2]
    assert told[0] == "第 1 行“CREATE TABLE a (id int”没有读入：括号没有成对"
    assert told[1] == "第 4 行“FOO BAR”没有读入：不认识这条语句"


def test_an_open_quote_does_not_swallow_the_next_table() -> None:
    text = "CREATE TABLE a (id int COMMENT '编号);\nCREATE TABLE b (id int COMMENT '编号');\n"
    drafted = draft_from_ddl(text, dialect="mysql")
    assert [entry["resource_name"] for entry in drafted.entries] == ["（待确认）b"]
    assert drafted.notes[0].text.startswith("第 1 行“CREATE TABLE a (id int COMMENT '编号)")


def test_a_missing_comma_is_told() -> None:
    drafted = draft_from_ddl("CREATE TABLE a (id int xm varchar(20), z text);")
    assert "列定义“id int xm varchar ( 20 )”里像有两列，请核对是否少了逗号" in texts(drafted)


def test_two_columns_with_one_comment_are_told_apart_by_their_names() -> None:
    drafted = draft_from_ddl("CREATE TABLE `a` (`b1` int COMMENT '备注', `b2` int COMMENT '备注 ');")
    assert [item["item_name"] for item in drafted.entries[0]["items"]] == ["备注（b1）", "备注（b2）"]
    assert "表里有几列都叫“备注”，加列名区分，请改成不同的名称" in texts(drafted, "b2")


def test_two_tables_with_one_comment_are_told_apart_by_their_names() -> None:
    text = "CREATE TABLE `a` (i int) COMMENT '用户'; CREATE TABLE `b` (i int) COMMENT '用户';"
    assert [name for name, _ in named(draft_from_ddl(text))] == ["用户（a）", "用户（b）"]


def test_a_column_name_that_is_no_code_is_changed_with_a_note() -> None:
    drafted = draft_from_ddl("CREATE TABLE `a` (`_x-1` int, `姓名` varchar(9), `2b` int, `x_1` int);")
    assert [item["item_code"] for item in drafted.entries[0]["items"]] == ["x_1", "col_2", "c_2b", "x_1_4"]
    assert drafted.entries[0]["items"][1]["item_name"] == "姓名"
    assert "列名“_x-1”不能作英文名称，改为“x_1”" in texts(drafted, "_x-1")


def test_names_that_differ_in_case_only_are_both_kept() -> None:
    drafted = draft_from_ddl('CREATE TABLE a ("X" int, "x" text);', dialect="postgres")
    assert [item["item_code"] for item in drafted.entries[0]["items"]] == ["X", "x_2"]


def test_a_type_that_no_table_lists_gets_no_code() -> None:
    drafted = draft_from_ddl("CREATE TABLE a (x frobnicate(3));", dialect="mysql")
    assert "data_type" not in drafted.entries[0]["items"][0]
    assert "类型“frobnicate”不在类型对照表里，请填写数据类型" in texts(drafted, "x")


def test_a_table_without_columns_of_its_own_is_skipped() -> None:
    drafted = draft_from_ddl("CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b (x int);")
    assert (drafted.tables_read, drafted.tables_skipped) == (1, ["a"])
    assert "第 1 行的建表语句没有列定义，未编目" in texts(drafted)


def test_a_text_without_tables_is_refused() -> None:
    with pytest.raises(CannotDraft, match="没有建表语句"):
        draft_from_ddl("SELECT 1;")


def test_an_unknown_dialect_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CannotDraft, match="不认识方言“cobol”；可用的有 dm、"):
        draft_from_ddl("CREATE TABLE a (x int);", dialect="cobol")


@pytest.mark.parametrize(
    ("comment", "name", "codes", "rest"),
    [
        ("性别 1男 2女", "性别", "1男 2女", ""),
        ("状态（0:正常;1:停用）", "状态", "0:正常;1:停用", ""),
        ("是否删除0否1是", "是否删除", "0否1是", ""),
        ("性别：GB/T 2261.1", "性别", "GB/T 2261.1", ""),
        ("学历\n1本科\n2硕士", "学历", "1本科 2硕士", ""),
        ("身份证号（加密存储）", "身份证号", "", "加密存储"),
        ("姓名，必填", "姓名", "", "必填"),
        ("单位（企业）名称", "单位（企业）名称", "", ""),
        ("（主）申请人", "（主）申请人", "", ""),
        ("企业 ID", "企业 ID", "", ""),
        ("user name", "user name", "", ""),
        ("地址1", "地址1", "", ""),
        ("", "", "", ""),
    ],
)
def test_a_comment_is_cut_where_its_rest_begins(comment: str, name: str, codes: str, rest: str) -> None:
    said = read_comment(comment, load().drafting.comments)
    assert (said.name, said.codes, said.rest) == (name, codes, rest)


@pytest.mark.parametrize(
    ("dialect", "written", "code", "length", "scale"),
    [
        ("mysql", "int(11) unsigned NOT NULL", "I", None, None),
        ("mysql", "varchar(20) CHARACTER SET utf8", "C", 20, None),
        ("mysql", "double", "B", None, None),
        ("mysql", "float", "F", None, None),
        ("postgres", "character varying(20) COLLATE x", "C", 20, None),
        ("postgres", "double precision", "B", None, None),
        ("postgres", "integer[]", "G", None, None),
        ("postgres", '"public"."geometry" ( Point , 4326 )', "G", None, None),
        ("postgres", "time with time zone", "T", None, None),
        ("oracle", "NUMBER ( 10 , - 2 )", "N", 10, None),
        ("oracle", "long raw", "G", None, None),
        ("tsql", "[decimal](18, 4) NULL", "N", 18, 4),
        ("tsql", "[varchar](max)", "M", None, None),
        ("tsql", "timestamp", "G", None, None),
        ("tsql", "bit", "L", None, None),
        ("mysql", "bit(8)", "C", 8, None),
        ("mysql", "enum('a','it''s')", "C", 4, None),
        ("mysql", "point", "G", None, None),
    ],
)
def test_a_sql_type_becomes_a_data_type(
    dialect: str, written: str, code: str, length: int | None, scale: int | None
) -> None:
    specs = load().drafting
    spoken = specs.dialect(dialect)
    assert spoken is not None
    found = item_type(written, specs, spoken)
    assert (found.data_type, found.data_length, found.data_precision) == (code, length, scale)
