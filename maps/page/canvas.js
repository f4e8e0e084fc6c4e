// Canvases over the map, and outlines and points whose projection is kept: ten thousand things, no element for each.
"use strict";
((Sky) => {
  Sky.CanvasLayer = L.Layer.extend({
    initialize(paint, options) { this.paint = paint; L.setOptions(this, options); },
    onAdd(map) {
      this.canvas = L.DomUtil.create("canvas", "sky-canvas leaflet-zoom-animated", map.getPane(this.options.pane));
      map.on("move moveend zoomend resize viewreset", this.redraw, this);
      map.on("zoomanim", this.follow, this);
      this.redraw();
    },
    onRemove(map) {
      this.canvas.remove();
      this.canvas = null;
      map.off("move moveend zoomend resize viewreset", this.redraw, this);
      map.off("zoomanim", this.follow, this);
    },
    follow(event) {
      const map = this._map, scale = map.getZoomScale(event.zoom);
      const offset = map._getCenterOffset(event.center)._multiplyBy(-scale).subtract(map._getMapPanePos());
      L.DomUtil.setTransform(this.canvas, offset, scale);
    },
    redraw() {
      if (this.canvas && !this.waiting) this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
    },
    draw() {
      if (!this.canvas || this._map._animatingZoom) return;
      const map = this._map, size = map.getSize(), ratio = window.devicePixelRatio || 1, canvas = this.canvas;
      L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint([0, 0]));
      if (canvas.width !== size.x * ratio || canvas.height !== size.y * ratio) {
        canvas.width = size.x * ratio; canvas.height = size.y * ratio;
        canvas.style.width = `${size.x}px`; canvas.style.height = `${size.y}px`;
      }
      const ink = canvas.getContext("2d");
      ink.setTransform(ratio, 0, 0, ratio, 0, 0);
      ink.clearRect(0, 0, size.x, size.y);
      this.paint(ink, Sky.viewOf(map));
    },
  });

  // How world pixels of zoom 0 become pixels of the map's container.
  Sky.viewOf = (map) => {
    const scale = map.getZoomScale(map.getZoom(), 0), size = map.getSize();
    const origin = map.getPixelOrigin().add(map.containerPointToLayerPoint([0, 0]));
    const middle = map.getCenter();
    const metres = 40075016.686 * Math.cos(middle.lat * Math.PI / 180) / 256 / scale;
    return { scale, x0: origin.x, y0: origin.y, width: size.x, height: size.y, zoom: map.getZoom(), metresPerPixel: metres };
  };

  const project = (crs, lon, lat) => crs.latLngToPoint(L.latLng(lat, lon), 0);

  // A shape from differences in 1e-7 degrees; world() gives its rings in world pixels, made anew for another datum.
  Sky.Shape = class {
    constructor(rings, about) { this.rings = rings; this.about = about || {}; this.crs = null; }
    world(crs) {
      if (this.crs === crs) return this;
      this.crs = crs;
      let left = Infinity, top = Infinity, right = -Infinity, bottom = -Infinity;
      this.points = this.rings.map((ring) => {
        const points = new Float64Array(ring.length);
        let x = 0, y = 0;
        for (let i = 0; i < ring.length; i += 2) {
          x += ring[i]; y += ring[i + 1];
          const at = project(crs, x / 1e7, y / 1e7);
          points[i] = at.x; points[i + 1] = at.y;
          if (at.x < left) left = at.x; if (at.x > right) right = at.x;
          if (at.y < top) top = at.y; if (at.y > bottom) bottom = at.y;
        }
        return points;
      });
      this.box = [left, top, right, bottom];
      return this;
    }
    shows(view) {
      const [left, top, right, bottom] = this.box, s = view.scale;
      return right * s >= view.x0 - 20 && left * s <= view.x0 + view.width + 20
        && bottom * s >= view.y0 - 20 && top * s <= view.y0 + view.height + 20;
    }
    trace(ink, view, closed = true) {
      ink.beginPath();
      this.add(ink, view, closed);
    }
    add(ink, view, closed = true) {
      for (const points of this.points) {
        for (let i = 0; i < points.length; i += 2) {
          const x = points[i] * view.scale - view.x0, y = points[i + 1] * view.scale - view.y0;
          if (i) ink.lineTo(x, y); else ink.moveTo(x, y);
        }
        if (closed) ink.closePath();
      }
    }
    holds(x, y) {
      const [left, top, right, bottom] = this.box;
      if (x < left || x > right || y < top || y > bottom) return false;
      let within = false;
      for (const p of this.points) {
        for (let i = 0, j = p.length - 2; i < p.length; j = i, i += 2) {
          if ((p[i + 1] > y) !== (p[j + 1] > y) && x < (p[j] - p[i]) * (y - p[i + 1]) / (p[j + 1] - p[i + 1]) + p[i]) within = !within;
        }
      }
      return within;
    }
    middle() { return [(this.box[0] + this.box[2]) / 2, (this.box[1] + this.box[3]) / 2]; }
    bounds() {
      let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
      for (const ring of this.rings) {
        let x = 0, y = 0;
        for (let i = 0; i < ring.length; i += 2) {
          x += ring[i]; y += ring[i + 1];
          west = Math.min(west, x); east = Math.max(east, x); south = Math.min(south, y); north = Math.max(north, y);
        }
      }
      return L.latLngBounds([south / 1e7, west / 1e7], [north / 1e7, east / 1e7]);
    }
  };

  // Positions in 1e-7 degrees as world pixels, made anew for another datum.
  Sky.worldOf = (crs, xs, ys) => {
    const wx = new Float64Array(xs.length), wy = new Float64Array(xs.length);
    for (let i = 0; i < xs.length; i += 1) { const at = project(crs, xs[i] / 1e7, ys[i] / 1e7); wx[i] = at.x; wy[i] = at.y; }
    return { crs, wx, wy };
  };
})(window.Sky = window.Sky || {});
