(function () {
  "use strict";
  var table = document.getElementById("trade-table");
  if (!table) { return; }
  var body = table.tBodies[0];
  Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, column) {
    head.firstElementChild.addEventListener("click", function () {
      var falling = head.getAttribute("aria-sort") === "ascending";
      var numeric = head.className === "n";
      var rows = Array.prototype.slice.call(body.rows);
      var value = function (row) {
        var text = row.cells[column].getAttribute("data-v");
        return numeric ? (text === "" ? -Infinity : Number(text)) : text;
      };
      rows.sort(function (one, other) {
        var a = value(one), b = value(other);
        var order = a < b ? -1 : a > b ? 1 : 0;
        return falling ? -order : order;
      });
      Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell) { cell.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      rows.forEach(function (row) { body.appendChild(row); });
    });
  });
})();
