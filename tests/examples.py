# ruff: noqa: E501  (a row of the table stays a row)
"""The domain's worked examples in full: what follows from the code, the matter and the contact is filled in."""

import copy
from typing import Any

import yaml

SHORT = """
- {id: OK01, code: 307024030101/000001, name: 婚姻登记信息, provider: 遵义市民政局, pcode: '115203000094210200', system: 民政业务系统, abstract: 遵义市各婚姻登记机关办理的结婚、离婚登记记录, fmt: ['3', MySQL], cycle: 每日, grade: g4, secret: 非涉密,
   share: {t: 2, cond: 依救助、公积金、不动产审批职权核验当事人婚姻状况, scope: 市级及区县具有审批职能的部门, purpose: [数据校核, 业务协同], mode: ['1', ['3']], pat: [核验]}, open: {t: 3, reason: 个人信息，《个人信息保护法》第二十五条},
   items: [[男方姓名, nfxm, C, 50, 2, 3, direct, 1], [男方身份证件号码, nfsfzh, C, 18, 2, 3, direct, 1], [登记日期, djrq, D, 8, 2, 3, quasi, 0], [婚姻状态, hyzt, C, 2, 2, 3, sensitive, 1]]}
- {id: OK02, code: 102024030101/000001, name: 社会组织法人登记信息, provider: 遵义市民政局, pcode: '115203000094210200', system: 社会组织管理系统, abstract: 在本市登记的社会团体、民办非企业单位、基金会名称、信用代码和住所, fmt: ['3', MySQL], cycle: 每周, grade: g1, secret: 非涉密,
   share: {t: 1, cond: 无条件, mode: ['1', ['1', '3']], pat: [查询, 批量交换]}, open: {t: 1},
   items: [[社会组织名称, zzmc, C, 200, 1, 1, none, 0], [统一社会信用代码, tyshxydm, C, 18, 1, 1, none, 0], [住所, zs, C, 300, 1, 1, none, 0]]}
- {id: OK03, code: 307024030102/000001, name: 最低生活保障对象信息, provider: 遵义市民政局, pcode: '115203000094210200', system: 社会救助系统, abstract: 城乡低保家庭成员、保障类别、保障金额和起止月份, fmt: ['3', MySQL], cycle: 每月, grade: g4, secret: 非涉密,
   share: {t: 2, cond: 仅用于医疗救助、教育资助、电费减免资格认定, scope: 医保、教育、供电等经审批的部门, purpose: [业务协同], mode: ['1', ['3']], pat: [核验, 查询]}, open: {t: 3, reason: 敏感个人信息，《个人信息保护法》第二十五条},
   items: [[姓名, xm, C, 50, 2, 3, direct, 1], [公民身份号码, sfzh, C, 18, 2, 3, direct, 1], [保障金额, bzje, Y, 12, 2, 3, sensitive, 1]]}
- {id: OK04, code: 102024030201/000001, name: 企业登记基本信息, provider: 遵义市市场监督管理局, pcode: '11520300MB1A00052M', system: 登记注册系统, abstract: 各类经营主体名称、信用代码、类型、成立日期、经营范围、状态, fmt: ['3', Oracle], cycle: 每日, grade: g1, secret: 非涉密,
   share: {t: 1, cond: 无条件, mode: ['1', ['1', '3']], pat: [查询, 核验, 批量交换]}, open: {t: 1},
   items: [[企业名称, qymc, C, 200, 1, 1, none, 0], [统一社会信用代码, tyshxydm, C, 18, 1, 1, none, 0], [经营范围, jyfw, M, 2000, 1, 1, none, 0]]}
- {id: OK05, code: 307024030202/000001, name: 食品经营许可证信息, provider: 遵义市市场监督管理局, pcode: '11520300MB1A00052M', system: 食品许可系统, abstract: 食品经营许可证编号、主体、经营场所、项目、有效期, fmt: ['3', Oracle], cycle: 每日, grade: g2, secret: 非涉密,
   share: {t: 1, cond: 无条件, mode: ['1', ['3']], pat: [查询]}, open: {t: 1},
   items: [[许可证编号, xkzbh, C, 30, 1, 1, none, 0], [经营者名称, jyzmc, C, 200, 1, 1, none, 0], [有效期至, yxqz, D, 8, 1, 1, none, 0]]}
- {id: OK06, code: 307024030301/000001, name: 社会保险参保状态核验, provider: 遵义市人力资源和社会保障局, pcode: '11520300009421039W', system: 社保系统, abstract: 按身份证件号码返回各险种是否参保与状态, fmt: ['7', REST], cycle: 实时, grade: g4, secret: 非涉密,
   share: {t: 2, cond: 仅返回是否参保，不返回明细, scope: 市直部门及区县政务服务大厅, purpose: [数据校核], mode: ['1', ['3']], pat: [核验]}, open: {t: 3, reason: 金融账户等敏感个人信息},
   items: [[公民身份号码, sfzh, C, 18, 2, 3, direct, 1], [参保状态, cbzt, C, 2, 2, 3, sensitive, 1]]}
- {id: OK07, code: 307024030302/000001, name: 城镇登记失业率统计, provider: 遵义市人力资源和社会保障局, pcode: '11520300009421039W', system: 就业监测系统, abstract: 按区县、季度汇总的登记失业人数与失业率, fmt: ['2', xlsx], cycle: 每季度, grade: g1, secret: 非涉密,
   share: {t: 1, cond: 无条件, mode: ['1', ['2']], pat: [批量交换]}, open: {t: 1},
   items: [[区县, qx, C, 20, 1, 1, none, 0], [季度, jd, C, 6, 1, 1, none, 0], [失业率, syl, N, 6, 1, 1, none, 0]]}
- {id: OK08, code: 101024030401/000001, name: 户籍人口身份核验, provider: 遵义市公安局, pcode: '115203000094210125', system: 人口信息系统, abstract: 按姓名与身份号码返回一致或不一致, fmt: ['7', REST], cycle: 实时, grade: g4, secret: 非涉密,
   share: {t: 2, cond: 依法定职责办理事项时逐笔核验，不返回明细, scope: 依法需实名办理事项的部门, purpose: [数据校核], mode: ['1', ['3']], pat: [核验]}, open: {t: 3, reason: 个人信息，《个人信息保护法》第二十五条},
   items: [[姓名, xm, C, 50, 2, 3, direct, 1], [公民身份号码, sfzh, C, 18, 2, 3, direct, 1], [核验结果, hyjg, L, 1, 2, 3, none, 0]]}
- {id: OK09, code: 307024030402/000001, name: 未成年人犯罪记录封存信息, provider: 遵义市公安局, pcode: '115203000094210125', system: 执法办案系统, abstract: 依法封存的未成年人相关犯罪记录索引, fmt: ['3', Dm], cycle: 不定时, grade: g4, secret: 非涉密,
   share: {t: 3, basis: [{level: 法律, title: 中华人民共和国刑事诉讼法, article: 第二百八十六条, text: 犯罪记录被封存的不得向任何单位和个人提供}]}, open: {t: 3, reason: 同不予共享依据},
   items: [[案件编号, ajbh, C, 40, 3, 3, quasi, 1], [封存日期, fcrq, D, 8, 3, 3, none, 0]]}
- {id: OK10, code: 103024030501/000001, name: 不动产登记结果查询, provider: 遵义市自然资源局, pcode: '11520300MB1A00060G', system: 不动产登记平台, abstract: 权利人、坐落、面积、权利类型、登记日期, fmt: ['7', REST], cycle: 实时, grade: g4, secret: 非涉密,
   share: {t: 2, cond: 凭办件编号和授权查询单户, scope: 税务、住建、公积金、法院等, purpose: [行政依据, 业务协同], mode: ['1', ['3']], pat: [查询, 核验]}, open: {t: 3, reason: 个人财产信息},
   items: [[权利人, qlr, C, 100, 2, 3, direct, 1], [坐落, zl, C, 300, 2, 3, quasi, 1], [面积, mj, N, 14, 2, 3, none, 0]]}
- {id: OK11, code: 307024030502/000001, name: 国有建设用地使用权出让结果, provider: 遵义市自然资源局, pcode: '11520300MB1A00060G', system: 土地市场系统, abstract: 宗地编号、面积、用途、成交价、受让单位、成交日期, fmt: ['2', xlsx], cycle: 每月, grade: g1, secret: 非涉密,
   share: {t: 1, cond: 无条件, mode: ['1', ['2']], pat: [批量交换]}, open: {t: 1},
   items: [[宗地编号, zdbh, C, 40, 1, 1, none, 0], [成交价, cjj, Y, 16, 1, 1, none, 0], [受让单位, srdw, C, 200, 1, 1, none, 0]]}
- {id: OK12, code: 307024030601/000001, name: 空气质量自动监测小时数据, provider: 遵义市生态环境局, pcode: '11520300MB1A00079D', system: 环境监测平台, abstract: 国控省控站点AQI及六参数小时均值, fmt: ['7', REST], cycle: 实时, grade: g1, secret: 非涉密,
   share: {t: 1, cond: 无条件, mode: ['1', ['3']], pat: [查询]}, open: {t: 1},
   items: [[站点名称, zdmc, C, 50, 1, 1, none, 0], [监测时间, jcsj, T, 19, 1, 1, none, 0], [AQI, aqi, I, 4, 1, 1, none, 0]]}
- {id: OK13, code: 307024030701/000001, name: 商品房预售许可信息, provider: 遵义市住房和城乡建设局, pcode: '1152030000942108X0', system: 房产市场监管系统, abstract: 预售证号、项目、开发企业、楼栋、批准面积和套数, fmt: ['3', MySQL], cycle: 每周, grade: g1, secret: 非涉密,
   share: {t: 1, cond: 无条件, mode: ['1', ['1']], pat: [批量交换]}, open: {t: 1},
   items: [[预售许可证号, yszh, C, 40, 1, 1, none, 0], [项目名称, xmmc, C, 200, 1, 1, none, 0], [批准套数, pzts, I, 8, 1, 1, none, 0]]}
"""
BAD = """
- {id: BAD01, base: OK04, set: {pcode: '11520300MB1A00052N'}, breaks: E103}
- {id: BAD02, base: OK04, set: {pcode: '11520300MBIA0005ZM'}, breaks: E103}
- {id: BAD03, base: OK12, set: {code: 307024030601-000001}, breaks: E104}
- {id: BAD04, base: OK02, set: {code: 309024030101/000001}, breaks: E105}
- {id: BAD05, base: OK13, set: {fmt: ['3', pdf]}, breaks: E106}
- {id: BAD06, base: OK07, set: {items: []}, breaks: E107}
- {id: BAD07, base: OK11, set: {items: [[宗地编号, zdbh, S, 40, 1, 1, none, 0]]}, breaks: E108}
- {id: BAD08, base: OK01, set: {share: {t: 2, cond: 依申请, mode: ['1', ['3']], pat: [核验]}}, breaks: E111}
"""
CLASSES = {"1": "基础信息资源类", "2": "主题信息资源类", "3": "部门信息资源类"}
ITEM_KEYS = (
    "item_name",
    "item_code",
    "data_type",
    "data_length",
    "share_type",
    "open_type",
    "pii_class",
    "sensitive_flag",
)


def full(short: dict[str, Any]) -> dict[str, Any]:
    """The stored content of a short example."""
    share, opening = short["share"], short["open"]
    content: dict[str, Any] = {
        "resource_code": short["code"],
        "resource_name": short["name"],
        "provider_name": short["provider"],
        "provider_code": short["pcode"],
        "source_system_id": short["system"],
        "resource_abstract": short["abstract"],
        "resource_category": [CLASSES[short["code"][0]]],
        "format_category": short["fmt"][0],
        "format_type": [short["fmt"][1]],
        "update_cycle": short["cycle"],
        "data_grade": short["grade"],
        "secret_flag": short["secret"],
        "business_matter": [short["name"]],
        "contact_name": "王敏",
        "contact_phone": "0851-28220000",
        "data_class": ["ZA"],
        "record_subject": "人" if short["grade"] in ("g3", "g4") else "组织",
        "share_type": str(share["t"]),
        "open_type": str(opening["t"]),
    }
    if "mode" in share:
        content |= {
            "share_mode_category": share["mode"][0],
            "share_mode_type": share["mode"][1],
            "share_pattern": share["pat"],
        }
    optional = {
        "share_condition": share.get("cond"),
        "share_scope": share.get("scope"),
        "use_purpose": share.get("purpose"),
        "non_share_basis": share.get("basis"),
        "non_open_reason": opening.get("reason"),
        "license": "CC-BY-4.0" if opening["t"] != 3 else None,
    }
    content |= {key: value for key, value in optional.items() if value}
    items = [dict(zip(ITEM_KEYS, row, strict=True)) for row in short["items"]]
    for item in items:
        item |= {"share_type": str(item["share_type"]), "open_type": str(item["open_type"])}
        item |= {"sensitive_flag": str(item["sensitive_flag"]), "classified_flag": "0"}
    if items:
        content["items"] = items
    return content


SHORT_ROWS = {row["id"]: row for row in yaml.safe_load(SHORT)}
GOOD: dict[str, dict[str, Any]] = {key: full(row) for key, row in SHORT_ROWS.items()}


def bad_rows() -> list[tuple[str, dict[str, Any], str]]:
    """Each bad example: its id, its stored content, and the rule it breaks."""
    rows = []
    for row in yaml.safe_load(BAD):
        base = SHORT_ROWS[row["base"]]
        content = full(base | row["set"])
        # the category follows from the right code, whatever is wrong with the given one
        content["resource_category"] = [CLASSES[base["code"][0]]]
        rows.append((row["id"], content, row["breaks"]))
    return rows


def good(key: str = "OK04", **changes: Any) -> dict[str, Any]:
    """A copy of a good example with some fields replaced; None takes a field away."""
    content = copy.deepcopy(GOOD[key])
    for name, value in changes.items():
        if value is None:
            content.pop(name, None)
        else:
            content[name] = value
    return content
