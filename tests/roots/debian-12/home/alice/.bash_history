ls -la
#1700000000
cd /var/log
#1700000060
for i in 1 2 3; do
echo $i
done
#notatime
sudo apt-get update
