#!/bin/sh
# A plugin of preflight: every interface that is up has at least this MTU. Needs jq to read its parameters.
set -eu

least=$(jq -r '.parameters.atLeast // 1500')
first=true
printf '{"findings":['
for flags in /sys/class/net/*/flags; do
    name=$(basename "$(dirname "$flags")")
    # IFF_UP is the first bit; the loopback interface leads nowhere.
    [ $(($(cat "$flags") & 1)) -eq 1 ] && [ "$name" != lo ] || continue
    mtu=$(cat "/sys/class/net/$name/mtu")
    if [ "$mtu" -ge "$least" ]; then verdict=pass word="is enough"; else verdict=fail word="is less than $least"; fi
    $first || printf ','
    first=false
    jq -cn --arg name "$name" --arg mtu "$mtu" --arg verdict "$verdict" --arg word "$word" '{
        subject: $name, verdict: $verdict, reason: (if $verdict == "pass" then "large-enough" else "small-mtu" end),
        message: "the MTU \($mtu) of \($name) \($word)",
        evidence: [{ source: "/sys/class/net/\($name)/mtu", observed: $mtu }] }' | tr -d '\n'
done
# A plugin that finds nothing has failed: say so in a finding of its own.
$first && printf '{"subject":"interfaces","verdict":"skip","message":"no interface is up"}'
printf ']}\n'
