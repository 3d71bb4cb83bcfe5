#!/bin/sh
# Writes an endpoints file from what Nacos knows of a service. Run it every few seconds (a systemd timer, cron, a side-car loop):
#
#   curl -sSf --get http://nacos:8848/nacos/v1/ns/instance/list \
#     --data-urlencode 'serviceName=providers:com.acme.Greeter:1.0.0:' |
#     nacos-endpoints.sh /etc/rialto/greeter.yaml
#
# Dubbo registers an interface as providers:INTERFACE:VERSION:GROUP, an application of Dubbo 3 under its own name.
# The file is replaced at once or not at all. A list without endpoints is an error and leaves it alone.
set -eu
file=${1:?the endpoints file}
new=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new"' EXIT
jq -e '
  [ .hosts[]
    | select(.healthy and .enabled and .weight > 0)
    | { address: "\(.ip):\(.port)",
        weight: ([1, (.weight * 100 | round)] | max),
        metadata: ((.metadata // {}) | with_entries(.value |= tostring)) } ]
  | if length == 0 then error("no endpoints") else . end
' > "$new"
chmod 644 "$new"
mv "$new" "$file"
trap - EXIT
