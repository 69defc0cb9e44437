"""The arithmetic that the desk itself calls, compiled for the backtest's loop from the one source."""

from pathlib import Path

from tenthman.backtest import result
from tenthman.domain import money
from tenthman.exchange import arithmetic as fills
from tenthman.risk import arithmetic as risk
from tenthman.risk import limits, numbers
from tenthman.utils.compiling import compiler

_HERE = Path(__file__)
_MODULES = (money, fills, risk, limits, numbers, result)
_LOOP = sorted(_HERE.with_name("loop").glob("*.py"))
_COMPILER = compiler([_HERE, *_LOOP, *(Path(str(module.__file__)) for module in _MODULES)])

compiled, entrance = _COMPILER.inner, _COMPILER.entrance

e4 = compiled(money.e4)
whole_share = compiled(money.whole_share)
path_price = compiled(fills.path_price)
first_touch = compiled(fills.first_touch)
fill_price = compiled(fills.fill_price)
propose = compiled(risk.propose)
whole_volume = compiled(risk.whole_volume)
drawdowns = compiled(risk.drawdowns)
latch = compiled(risk.latch)
rearms = compiled(risk.rearms)
holding_reason = compiled(risk.holding_reason)
loss_a_share = compiled(risk.loss_a_share)
is_apart = compiled(risk.is_apart)
add_up = compiled(limits.add_up)
compare = compiled(limits.compare)
gates = compiled(limits.gates)
allowances = compiled(limits.allowances)
caps = compiled(limits.caps)
structured = compiled(risk.structured)
trailed = compiled(risk.trailed)
