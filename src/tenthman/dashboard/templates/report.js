(function () {
  "use strict";
  var figures = JSON.parse(document.getElementById("figures").textContent);
  Object.keys(figures).forEach(function (id) {
    Plotly.newPlot(id, figures[id].data, figures[id].layout, { displayModeBar: false, responsive: true });
  });
})();
