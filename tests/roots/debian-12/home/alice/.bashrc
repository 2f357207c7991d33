HISTSIZE=1000
HISTFILESIZE=2000
alias ll="ls -l"
[ -f ~/.private ] && HISTSIZE=0
