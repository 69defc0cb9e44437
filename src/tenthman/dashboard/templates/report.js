(function () {
  "use strict";
  var figures = JSON.parse(document.getElementById("figures").textContent);
  var narrow = window.innerWidth < 600;
  Object.keys(figures).forEach(function (id) {
    var layout = figures[id].layout;
    if (narrow) {
      // Beside a small plot the legend would lie on the curves; below it there is room.
      layout.legend = { orientation: "h", x: 0, xanchor: "left", y: -0.18, yanchor: "top" };
      layout.margin = { l: 58, r: 28, t: 12, b: 44 };
      layout.yaxis.title = { text: "" };
      layout.height += 24 * figures[id].data.length;
    }
    Plotly.newPlot(id, figures[id].data, layout, { displayModeBar: false, responsive: true });
  });
  // A chart has the width of the screen, and paper is narrower.
  var fit = function (width) {
    return function () {
      Object.keys(figures).forEach(function (id) { Plotly.relayout(id, { width: width, autosize: width === null }); });
    };
  };
  window.addEventListener("beforeprint", fit(680));
  window.addEventListener("afterprint", fit(null));
})();
