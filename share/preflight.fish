# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_preflight_global_optspecs
    string join \n color= q/quiet v/verbose c/config= set= kubeadm-config= o/output= output-file= root= from= capture= only= skip= ignore-preflight-errors= fail-on= allow= timeout= h/help V/version
end

function __fish_preflight_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_preflight_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_preflight_using_subcommand
    set -l cmd (__fish_preflight_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c preflight -n "__fish_preflight_needs_command" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_needs_command" -s c -l config -d 'The policy: a file, the name of an embedded profile, or - for standard input [default: the profile kubernetes-node]' -r
complete -c preflight -n "__fish_preflight_needs_command" -l set -d 'An input of the policy: role=control-plane, kubernetesVersion=1.35' -r
complete -c preflight -n "__fish_preflight_needs_command" -l kubeadm-config -d 'A file for `kubeadm --config`, from which the inputs are taken: role, version, networks, ports, the runtime\'s socket and so on; --set beats it' -r -F
complete -c preflight -n "__fish_preflight_needs_command" -s o -l output -d 'How to write the report; FORMAT=FILE writes it to that file, and several may be given' -r -f -a "human\t'Text for people'
json\t'One JSON document'
ndjson\t'The same in one line, for logs and for files of many reports'
yaml\t'The same as YAML'
junit\t'JUnit XML, for CI systems'
tap\t'The Test Anything Protocol'
prometheus\t'Metrics for node_exporter\'s textfile collector'
sarif\t'SARIF 2.1.0, for what gathers the results of scanners'
nagios\t'As a plugin of Nagios, with its exit codes'
node-problem-detector\t'As a plugin of node-problem-detector, with its exit codes'
node-condition\t'As a condition of a Kubernetes node, PreflightPassed, in one line of JSON'
github\t'Annotations of a GitHub workflow'
markdown\t'For comments and job summaries'
html\t'One file for browsers, with search and filter'
kubeadm\t'Lines as kubeadm prints them, `[ERROR Name]: …`, for what reads its logs'"
complete -c preflight -n "__fish_preflight_needs_command" -l output-file -d 'Write the report that has no file of its own to this one, all or nothing, instead of standard output' -r -F
complete -c preflight -n "__fish_preflight_needs_command" -l root -d 'The node is the tree under DIR: a mounted host, an unpacked image, captured files' -r -F
complete -c preflight -n "__fish_preflight_needs_command" -l from -d 'The node is the one that `preflight capture` kept in FILE (- for standard input)' -r -F
complete -c preflight -n "__fish_preflight_needs_command" -l capture -d 'Keep what this run asks of the node and is answered in FILE, as `preflight capture` does' -r -F
complete -c preflight -n "__fish_preflight_needs_command" -l only -d 'Only rules and findings whose id matches; the others are skipped as `deselected`' -r
complete -c preflight -n "__fish_preflight_needs_command" -l skip -d 'Not the rules and findings whose id matches. A rule of which nothing is left stays in the report as one skipped finding; single findings are left out' -r
complete -c preflight -n "__fish_preflight_needs_command" -l ignore-preflight-errors -d 'Kubeadm\'s names of checks (or `all`) whose failures shall be warnings, as there' -r
complete -c preflight -n "__fish_preflight_needs_command" -l fail-on -d 'The verdict that makes the exit code 1' -r -f -a "fail\t'A failure'
warn\t'A warning or a failure'
never\t'None: the exit code tells only whether there is a report'"
complete -c preflight -n "__fish_preflight_needs_command" -l allow -d 'What may go beyond reading, where the policy asks for it' -r -f -a "network\t'Send packets, look up names'
exec\t'Start programs'
write\t'Write scratch files'
probe\t'Ask the kernel by ways that touch its state'"
complete -c preflight -n "__fish_preflight_needs_command" -l timeout -d 'Deadline of the whole run: 30s, 500ms, 1m30s' -r
complete -c preflight -n "__fish_preflight_needs_command" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_needs_command" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_needs_command" -s V -l version -d 'Print version'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "run" -d 'Judge a node by a policy (the default command)'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "list" -d 'List the checks that a policy can use'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "explain" -d 'Explain a check: what it looks at, why it matters, how to mend it, its parameters'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "profiles" -d 'List the embedded profiles'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "policy" -d 'Work on policies: lint, show, init, test, schema'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "cgroups" -d 'Show every cgroup subsystem of the kernel, its state, and why'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "kubernetes" -d 'Show what a version of Kubernetes wants of a node, with the source of each fact'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "capture" -d 'Keep what a run asks of this node and is answered, to judge it elsewhere'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "compare" -d 'Show what differs between nodes, by their captures or reports'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "fleet" -d 'Make one picture of the reports of many nodes: causes, groups, duplicates, drift'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "remedy" -d 'Print the remedies of a report, or of this node, as a shell script; nothing is run'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "facts" -d 'Print what is known of this node as JSON: the facts that expressions of policies can use'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "completions" -d 'Print what makes a shell complete the options of preflight'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "man" -d 'Print a manual page: preflight man | man -l -'
complete -c preflight -n "__fish_preflight_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c preflight -n "__fish_preflight_using_subcommand run" -s c -l config -d 'The policy: a file, the name of an embedded profile, or - for standard input [default: the profile kubernetes-node]' -r
complete -c preflight -n "__fish_preflight_using_subcommand run" -l set -d 'An input of the policy: role=control-plane, kubernetesVersion=1.35' -r
complete -c preflight -n "__fish_preflight_using_subcommand run" -l kubeadm-config -d 'A file for `kubeadm --config`, from which the inputs are taken: role, version, networks, ports, the runtime\'s socket and so on; --set beats it' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand run" -s o -l output -d 'How to write the report; FORMAT=FILE writes it to that file, and several may be given' -r -f -a "human\t'Text for people'
json\t'One JSON document'
ndjson\t'The same in one line, for logs and for files of many reports'
yaml\t'The same as YAML'
junit\t'JUnit XML, for CI systems'
tap\t'The Test Anything Protocol'
prometheus\t'Metrics for node_exporter\'s textfile collector'
sarif\t'SARIF 2.1.0, for what gathers the results of scanners'
nagios\t'As a plugin of Nagios, with its exit codes'
node-problem-detector\t'As a plugin of node-problem-detector, with its exit codes'
node-condition\t'As a condition of a Kubernetes node, PreflightPassed, in one line of JSON'
github\t'Annotations of a GitHub workflow'
markdown\t'For comments and job summaries'
html\t'One file for browsers, with search and filter'
kubeadm\t'Lines as kubeadm prints them, `[ERROR Name]: …`, for what reads its logs'"
complete -c preflight -n "__fish_preflight_using_subcommand run" -l output-file -d 'Write the report that has no file of its own to this one, all or nothing, instead of standard output' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand run" -l root -d 'The node is the tree under DIR: a mounted host, an unpacked image, captured files' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand run" -l from -d 'The node is the one that `preflight capture` kept in FILE (- for standard input)' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand run" -l capture -d 'Keep what this run asks of the node and is answered in FILE, as `preflight capture` does' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand run" -l only -d 'Only rules and findings whose id matches; the others are skipped as `deselected`' -r
complete -c preflight -n "__fish_preflight_using_subcommand run" -l skip -d 'Not the rules and findings whose id matches. A rule of which nothing is left stays in the report as one skipped finding; single findings are left out' -r
complete -c preflight -n "__fish_preflight_using_subcommand run" -l ignore-preflight-errors -d 'Kubeadm\'s names of checks (or `all`) whose failures shall be warnings, as there' -r
complete -c preflight -n "__fish_preflight_using_subcommand run" -l fail-on -d 'The verdict that makes the exit code 1' -r -f -a "fail\t'A failure'
warn\t'A warning or a failure'
never\t'None: the exit code tells only whether there is a report'"
complete -c preflight -n "__fish_preflight_using_subcommand run" -l allow -d 'What may go beyond reading, where the policy asks for it' -r -f -a "network\t'Send packets, look up names'
exec\t'Start programs'
write\t'Write scratch files'
probe\t'Ask the kernel by ways that touch its state'"
complete -c preflight -n "__fish_preflight_using_subcommand run" -l timeout -d 'Deadline of the whole run: 30s, 500ms, 1m30s' -r
complete -c preflight -n "__fish_preflight_using_subcommand run" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand run" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand run" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand list" -s o -l output -d 'How to write the list' -r -f -a "human\t'Text for people'
json\t'One JSON document'"
complete -c preflight -n "__fish_preflight_using_subcommand list" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand list" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand list" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand explain" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand explain" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand explain" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand profiles" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand profiles" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand profiles" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand profiles" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and not __fish_seen_subcommand_from lint show init test schema help" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand policy; and not __fish_seen_subcommand_from lint show init test schema help" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and not __fish_seen_subcommand_from lint show init test schema help" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and not __fish_seen_subcommand_from lint show init test schema help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and not __fish_seen_subcommand_from lint show init test schema help" -f -a "lint" -d 'Say what is wrong with a policy, all at once'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and not __fish_seen_subcommand_from lint show init test schema help" -f -a "show" -d 'Show a policy as it is after profiles and inputs were filled in'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and not __fish_seen_subcommand_from lint show init test schema help" -f -a "init" -d 'Print a policy to begin with: an empty one, or one that this good node passes'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and not __fish_seen_subcommand_from lint show init test schema help" -f -a "test" -d 'Run cases: this policy on that node gives these verdicts'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and not __fish_seen_subcommand_from lint show init test schema help" -f -a "schema" -d 'Print the JSON Schema of policies, for editors'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and not __fish_seen_subcommand_from lint show init test schema help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from lint" -l set -d 'An input of the policy: role=control-plane, kubernetesVersion=1.35' -r
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from lint" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from lint" -l strict -d 'Exit with 1 where there is a warning'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from lint" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from lint" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from lint" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from show" -l set -d 'An input of the policy: role=control-plane, kubernetesVersion=1.35' -r
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from show" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from show" -l explain -d 'Say where each rule is stated, what it takes the place of, and where the value of each input comes from'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from init" -l root -d 'The node is the tree under DIR' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from init" -l extends -d 'The profile, or the file, that the policy extends' -r
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from init" -l set -d 'An input of the policy: role=control-plane, kubernetesVersion=1.35' -r
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from init" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from init" -l from-host -d 'Judge this node by a profile, and write the policy that others as good as it pass'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from init" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from init" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from test" -l only -d 'Only cases whose name matches' -r
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from test" -s o -l output -d 'How to write what came of them' -r -f -a "human\t'Text for people'
json\t'One JSON document'"
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from test" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from schema" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from schema" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "lint" -d 'Say what is wrong with a policy, all at once'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a policy as it is after profiles and inputs were filled in'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "init" -d 'Print a policy to begin with: an empty one, or one that this good node passes'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "test" -d 'Run cases: this policy on that node gives these verdicts'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "schema" -d 'Print the JSON Schema of policies, for editors'
complete -c preflight -n "__fish_preflight_using_subcommand policy; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -s o -l output -d 'How to write the answer' -r -f -a "human\t'Text for people'
json\t'One JSON document'"
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -l root -d 'The node is the tree under DIR: a mounted host, an unpacked image, captured files' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -l from -d 'The node is the one that `preflight capture` kept in FILE (- for standard input)' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -l explain -d 'Explain one subsystem, by its v1 or v2 name; for people only' -r
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -l allow -d 'With --prove: what may go beyond reading. What is made is removed again, also when the program is stopped' -r -f -a "probe\t'Kprobe events that print the masks, in an own instance of tracefs'
write\t'An empty scratch cgroup; a private mount of tracefs where it is not mounted'"
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -l decode -d 'Decode masks from elsewhere, decimal, 0x… or 0b…: implicit=256,inhibit=1764,control=6171' -r
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -l ids -d 'The subsystems of that kernel in the order of their ids, or as NAME:ID [default: those of this kernel]' -r
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -l prove -d 'Ask everything that tells more by reading, the kernel\'s own masks in its memory included (as root), and compare'
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand cgroups" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand kubernetes" -s o -l output -d 'How to write the facts' -r -f -a "human\t'Text for people'
json\t'One JSON document'"
complete -c preflight -n "__fish_preflight_using_subcommand kubernetes" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand kubernetes" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand kubernetes" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand kubernetes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand capture" -s o -l output -d 'The file that is written, all or nothing; - for standard output' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand capture" -s c -l config -d 'The policy: a file, the name of an embedded profile, or - for standard input [default: the profile kubernetes-node]' -r
complete -c preflight -n "__fish_preflight_using_subcommand capture" -l set -d 'An input of the policy: role=control-plane, kubernetesVersion=1.35' -r
complete -c preflight -n "__fish_preflight_using_subcommand capture" -l kubeadm-config -d 'A file for `kubeadm --config`, from which the inputs are taken: role, version, networks, ports, the runtime\'s socket and so on; --set beats it' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand capture" -l root -d 'The node is the tree under DIR' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand capture" -l allow -d 'What may go beyond reading, where the policy asks for it' -r -f -a "network\t'Send packets, look up names'
exec\t'Start programs'
write\t'Write scratch files'
probe\t'Ask the kernel by ways that touch its state'"
complete -c preflight -n "__fish_preflight_using_subcommand capture" -l timeout -d 'Deadline of all of it: 30s, 500ms, 1m30s' -r
complete -c preflight -n "__fish_preflight_using_subcommand capture" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand capture" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand capture" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand capture" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand compare" -s c -l config -d 'The policy: a file, the name of an embedded profile, or - for standard input [default: the profile kubernetes-node]' -r
complete -c preflight -n "__fish_preflight_using_subcommand compare" -l set -d 'An input of the policy: role=control-plane, kubernetesVersion=1.35' -r
complete -c preflight -n "__fish_preflight_using_subcommand compare" -l kubeadm-config -d 'A file for `kubeadm --config`, from which the inputs are taken: role, version, networks, ports, the runtime\'s socket and so on; --set beats it' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand compare" -s o -l output -d 'How to write the comparison' -r -f -a "human\t'Text for people'
json\t'One JSON document'"
complete -c preflight -n "__fish_preflight_using_subcommand compare" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand compare" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand compare" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand fleet" -s o -l output -d 'How to write the picture' -r -f -a "human\t'Text for people'
json\t'One JSON document'
html\t'One file for browsers: causes, a map of findings, search, each node\'s evidence'"
complete -c preflight -n "__fish_preflight_using_subcommand fleet" -l output-file -d 'Write it to this file, all or nothing, instead of standard output' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand fleet" -l group-by -d 'Group nodes by policy, kernel, architecture, cgroup, environment, directory or input:NAME [default: policy and input:role]' -r
complete -c preflight -n "__fish_preflight_using_subcommand fleet" -l against -d 'Tell what changed since these reports of an earlier day: a file or a directory; repeatable' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand fleet" -l fail-on -d 'The verdict of a node that makes the exit code 1; with warn, also a document that can\'t be read' -r -f -a "fail\t'A failure'
warn\t'A warning or a failure'
never\t'None: the exit code tells only whether there is a report'"
complete -c preflight -n "__fish_preflight_using_subcommand fleet" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand fleet" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand fleet" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand fleet" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -s c -l config -d 'The policy: a file, the name of an embedded profile, or - for standard input [default: the profile kubernetes-node]' -r
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -l set -d 'An input of the policy: role=control-plane, kubernetesVersion=1.35' -r
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -l kubeadm-config -d 'A file for `kubeadm --config`, from which the inputs are taken: role, version, networks, ports, the runtime\'s socket and so on; --set beats it' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -l root -d 'The node is the tree under DIR: a mounted host, an unpacked image, captured files' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -l from -d 'The node is the one that `preflight capture` kept in FILE (- for standard input)' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -l only -d 'Only rules and findings whose id matches' -r
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -l skip -d 'Not the rules and findings whose id matches' -r
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -l allow -d 'What may go beyond reading, where the policy asks for it' -r -f -a "network\t'Send packets, look up names'
exec\t'Start programs'
write\t'Write scratch files'
probe\t'Ask the kernel by ways that touch its state'"
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -l timeout -d 'Deadline of the whole run: 30s, 500ms, 1m30s' -r
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -l fail-only -d 'Only the remedies of failures, not of warnings'
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand remedy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand facts" -l root -d 'The node is the tree under DIR: a mounted host, an unpacked image, captured files' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand facts" -l from -d 'The node is the one that `preflight capture` kept in FILE (- for standard input)' -r -F
complete -c preflight -n "__fish_preflight_using_subcommand facts" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand facts" -l list -d 'Only list the facts, with their types and meanings, and the functions that ask for one thing each'
complete -c preflight -n "__fish_preflight_using_subcommand facts" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand facts" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand facts" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand completions" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand completions" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand completions" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand man" -l color -d 'Colour in the report; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE'
always\t'Always'
never\t'Never'"
complete -c preflight -n "__fish_preflight_using_subcommand man" -s q -l quiet -d 'Say less: only failures and the summary, of `cgroups` only the table; log only errors'
complete -c preflight -n "__fish_preflight_using_subcommand man" -s v -l verbose -d 'Say more: the evidence of everything; -vv also logs every file that is read'
complete -c preflight -n "__fish_preflight_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "run" -d 'Judge a node by a policy (the default command)'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "list" -d 'List the checks that a policy can use'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "explain" -d 'Explain a check: what it looks at, why it matters, how to mend it, its parameters'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "profiles" -d 'List the embedded profiles'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "policy" -d 'Work on policies: lint, show, init, test, schema'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "cgroups" -d 'Show every cgroup subsystem of the kernel, its state, and why'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "kubernetes" -d 'Show what a version of Kubernetes wants of a node, with the source of each fact'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "capture" -d 'Keep what a run asks of this node and is answered, to judge it elsewhere'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "compare" -d 'Show what differs between nodes, by their captures or reports'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "fleet" -d 'Make one picture of the reports of many nodes: causes, groups, duplicates, drift'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "remedy" -d 'Print the remedies of a report, or of this node, as a shell script; nothing is run'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "facts" -d 'Print what is known of this node as JSON: the facts that expressions of policies can use'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "completions" -d 'Print what makes a shell complete the options of preflight'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "man" -d 'Print a manual page: preflight man | man -l -'
complete -c preflight -n "__fish_preflight_using_subcommand help; and not __fish_seen_subcommand_from run list explain profiles policy cgroups kubernetes capture compare fleet remedy facts completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c preflight -n "__fish_preflight_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "lint" -d 'Say what is wrong with a policy, all at once'
complete -c preflight -n "__fish_preflight_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "show" -d 'Show a policy as it is after profiles and inputs were filled in'
complete -c preflight -n "__fish_preflight_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "init" -d 'Print a policy to begin with: an empty one, or one that this good node passes'
complete -c preflight -n "__fish_preflight_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "test" -d 'Run cases: this policy on that node gives these verdicts'
complete -c preflight -n "__fish_preflight_using_subcommand help; and __fish_seen_subcommand_from policy" -f -a "schema" -d 'Print the JSON Schema of policies, for editors'
