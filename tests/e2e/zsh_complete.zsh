# zsh -f zsh_complete.zsh DIRECTORY LINE...: what TAB offers behind each line with the functions of
# DIRECTORY: a line `LINE` and then a line `+OFFER` for each.
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PROMPT=; unsetopt prompt_sp; stty -echo'
zpty -w z "fpath=(${(q)1} \$fpath); autoload -U compinit; compinit -u -D"
zpty -w z "bindkey '^I' complete-word; zstyle ':completion:*' insert-tab false"
zpty -w z "mark() { print; print MARK }; zle -N mark; bindkey '^X' mark"
zpty -w z "clear-line() { BUFFER= }; zle -N clear-line; bindkey '^G' clear-line"
# Says what is offered; calls that only ask which of several words match offer nothing.
zpty -w z 'compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    local -a offered; builtin compadd -A offered "$@"; builtin compadd "$@"
    local status_of_it=$? offer; for offer in $offered; do print; print -r -- "OFFER:$offer:"; done
    return status_of_it }'
# In two words, so that the terminal's echo of the command is not taken for what it prints.
zpty -w z "print REA''DY"
zpty -r z out '*READY*'
shift
for line in "$@"; do
    print -r -- $line
    zpty -w -n z "$line"$'\t\C-x\C-g'
    zpty -r z out '*MARK*'
    for word in ${(f)out}; do
        [[ $word == *OFFER:*:* ]] && print -r -- "+${${word#*OFFER:}%:*}"
    done
done
zpty -d z
