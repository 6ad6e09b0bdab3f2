"""What a table or a column of a source may be called in the forms.

Owns the two types of name. It must not know which tables there are.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from extractor.forms.shape import wrong


def _table_name(value: str) -> str:
    if not re.fullmatch(
        r"[A-Za-z0-9_\u4e00-\u9fff]([A-Za-z0-9_\u4e00-\u9fff-]{0,78}[A-Za-z0-9_\u4e00-\u9fff])?", value
    ):
        raise wrong(
            "a table's name has letters, digits, 汉字, '_' and '-' only, because a file of the package is named after it",
            "表名只能含字母、数字、汉字、“_”和“-”,因为交付文件以表名命名",
        )
    return value


def _column_name(value: str) -> str:
    if not value.strip() or value != value.strip() or not value.isprintable() or len(value) > 128:
        raise wrong("a field's name is printable text of 1 to 128 characters", "字段名须为 1 至 128 个可见字符")
    return value


TableName = Annotated[str, AfterValidator(_table_name)]
ColumnName = Annotated[str, AfterValidator(_column_name)]
