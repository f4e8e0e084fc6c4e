// GCJ-02 in the browser: the same formula as geofence/datums.py. Every position of a page is WGS-84; a base layer in
// GCJ-02 is met by a projection that goes through that datum, so vectors fall where its tiles show them.
"use strict";
((Sky) => {
  const A = 6378245.0, E2 = 0.00669342162296594323, ROUNDS = 10, RAD = Math.PI / 180;
  const inside = (lon, lat) => lon >= 72.004 && lon <= 137.8347 && lat >= 0.8293 && lat <= 55.8271;

  function offset(lon, lat) {
    const x = lon - 105, y = lat - 35, root = Math.sqrt(Math.abs(x)), PI = Math.PI;
    const waves = (20 * Math.sin(6 * x * PI) + 20 * Math.sin(2 * x * PI)) * 2 / 3;
    let north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves;
    north += (20 * Math.sin(y * PI) + 40 * Math.sin(y / 3 * PI)) * 2 / 3;
    north += (160 * Math.sin(y / 12 * PI) + 320 * Math.sin(y * PI / 30)) * 2 / 3;
    let east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves;
    east += (20 * Math.sin(x * PI) + 40 * Math.sin(x / 3 * PI)) * 2 / 3;
    east += (150 * Math.sin(x / 12 * PI) + 300 * Math.sin(x / 30 * PI)) * 2 / 3;
    const w2 = 1 - E2 * Math.sin(lat * RAD) ** 2;
    const perLat = A * (1 - E2) / (w2 * Math.sqrt(w2)) * RAD, perLon = A / Math.sqrt(w2) * Math.cos(lat * RAD) * RAD;
    return [east / perLon, north / perLat];
  }

  Sky.toGcj = (lon, lat) => {
    if (!inside(lon, lat)) return [lon, lat];
    const [dx, dy] = offset(lon, lat);
    return [lon + dx, lat + dy];
  };

  Sky.fromGcj = (lon, lat) => {
    let [dx, dy] = offset(lon, lat), x = lon - dx, y = lat - dy;
    for (let round = 0; round < ROUNDS; round += 1) { [dx, dy] = offset(x, y); x = lon - dx; y = lat - dy; }
    return inside(x, y) ? [x, y] : [lon, lat];
  };

  const mercator = L.Projection.SphericalMercator;
  const gcj = L.extend({}, L.CRS.EPSG3857, {
    code: "GCJ-02",
    projection: {
      bounds: mercator.bounds,
      project: (at) => { const [lon, lat] = Sky.toGcj(at.lng, at.lat); return mercator.project(L.latLng(lat, lon)); },
      unproject: (point) => {
        const at = mercator.unproject(point), [lon, lat] = Sky.fromGcj(at.lng, at.lat);
        return L.latLng(lat, lon);
      },
    },
  });
  Sky.crsOf = (datum) => (datum === "GCJ-02" ? gcj : L.CRS.EPSG3857);
})(window.Sky = window.Sky || {});
