#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Writes hasten.json, the dashboard for Grafana: one source, so that names of metrics are written once.

usage: make_dashboard.py [--check]     --check: fails if hasten.json is not what would be written
"""
import json
import pathlib
import sys

HTTP = "http_server_request_duration_seconds"


def quantile(q, by=""):
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({HTTP}_bucket[$__rate_interval])))"


# Title, unit, and for each line its legend and expression.
PANELS = [
    ("Requests a second", "reqps", [("{{http_route}}", f"sum by (http_route) (rate({HTTP}_count[$__rate_interval]))")]),
    ("Errors of the server", "percentunit", [("errors", f'sum(rate({HTTP}_count{{error_type!=""}}[$__rate_interval])) / sum(rate({HTTP}_count[$__rate_interval]))')]),
    ("Response time", "s", [("p50", quantile(0.5)), ("p95", quantile(0.95)), ("p99", quantile(0.99))]),
    ("p99 by route", "s", [("{{http_route}}", quantile(0.99, "http_route"))]),
    ("Where the time goes", "s", [("{{stage}}", "sum by (stage) (rate(http_server_request_stage_seconds_total[$__rate_interval])) / scalar(sum(rate(" + HTTP + "_count[$__rate_interval])))")]),
    ("Requests under way", "short", [("{{http_route}}", "sum by (http_route) (http_server_active_requests) > 0")]),
    ("Cache hits", "percentunit", [("{{cache_name}}", 'sum by (cache_name) (rate(cache_requests_total{cache_request_type="hit"}[$__rate_interval])) / sum by (cache_name) (rate(cache_requests_total[$__rate_interval]))')]),
    ("Statements, p99", "s", [("{{db_query_summary}}", "histogram_quantile(0.99, sum by (le, db_query_summary) (rate(db_client_operation_duration_seconds_bucket[$__rate_interval])))")]),
    ("Sessions in use", "short", [("{{pool_name}}", 'db_client_connections{state="used"}'), ("{{pool_name}} waiting", "db_client_connection_pending_requests")]),
    ("Tasks", "short", [("{{worker_pool}} {{queue}} waiting", "worker_queue_depth"), ("{{outcome}}/s", "sum by (outcome) (rate(worker_tasks_total[$__rate_interval]))")]),
    ("Event loop lag, p99", "s", [("lag", "histogram_quantile(0.99, sum by (le) (rate(hasten_eventloop_lag_seconds_bucket[$__rate_interval])))")]),
    ("Processors", "percentunit", [("CPU", "rate(process_cpu_seconds_total[$__rate_interval])")]),
    ("Memory", "bytes", [("resident", "process_resident_memory_bytes")]),
    ("Health: 0 pass, 1 warn, 2 fail", "short", [("{{check}}", "hasten_health_status")]),
    ("Alerts: 1 pending, 2 firing", "short", [("{{alertname}}", "hasten_alert_state > 0")]),
]


def dashboard():
    source = {"type": "prometheus", "uid": "${datasource}"}
    panels = []
    for number, (title, unit, lines) in enumerate(PANELS):
        panels.append({
            "id": number + 1, "type": "timeseries", "title": title, "datasource": source,
            "gridPos": {"h": 8, "w": 8, "x": 8 * (number % 3), "y": 8 * (number // 3)},
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "options": {"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
                        "tooltip": {"mode": "multi", "sort": "desc"}},
            "targets": [{"refId": chr(ord("A") + i), "expr": expr, "legendFormat": legend, "datasource": source}
                        for i, (legend, expr) in enumerate(lines)],
        })
    return {
        "title": "hasten", "uid": "hasten", "schemaVersion": 38, "version": 1, "editable": True, "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"}, "timezone": "browser", "tags": ["hasten"], "panels": panels,
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}]},
        "annotations": {"list": []},
    }


def main():
    file = pathlib.Path(__file__).with_name("hasten.json")
    text = json.dumps(dashboard(), indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        if not file.exists() or file.read_text() != text:
            sys.exit(f"{file.name} is not what {pathlib.Path(__file__).name} writes: run it")
        return
    file.write_text(text)


if __name__ == "__main__":
    main()
