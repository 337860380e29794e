"""The name lists for random people, firms, addresses and designs."""

FIRST_NAMES = (
    *("Aoife", "Bertram", "Calla", "Dmitri", "Elspeth", "Fergus", "Ginevra", "Hamish", "Imogen", "Jolyon"),
    *(
        "Keziah",
        "Lorcan",
        "Maribel",
        "Nikhil",
        "Ottoline",
        "Piers",
        "Quentin",
        "Rosalind",
        "Seamus",
        "Tamsin",
    ),
    *("Ulrika", "Verity", "Wilfred", "Xanthe", "Yusuf", "Zelda"),
)
LAST_NAMES = (
    *("O'Dowd", "Arkwright", "Blenkinsop", "Crowther", "Dalgliesh", "Entwistle", "Fothergill", "Grimshaw"),
    *("Haslam", "Iveson", "Jessop", "Kettlewell", "Lofthouse", "Micklethwaite", "Nuttall", "Ogden"),
    *("Postlethwaite", "Quilter", "Ramsbottom", "Satterthwaite", "Threlfall", "Uttley", "Varley"),
    *("Wolstenholme", "Yardley", "Zouche", "D'Arcy-Lowe"),
)
TITLES = ("Mr.", "Mrs.", "Ms.", "Dr.", "Miss")
NAME_ENDINGS = ("Jr.", "Sr.", "II", "III", "PhD")

STREET_KINDS = (
    "Arcade",
    "Bank",
    "Close",
    "Crescent",
    "Fold",
    "Garth",
    "Mews",
    "Row",
    "Snicket",
    "Terrace",
    "Wynd",
)
LINE_TWO = ("Flat", "Floor", "Suite", "Unit", "Wing")
DISTRICTS = ("Ainsty", "Calderdale", "Craven", "Furness", "Holderness", "Lonsdale", "Wharfedale")
CITY_STARTS = ("East", "Great", "Little", "Low", "New", "North", "Port", "Upper", "")
CITY_ENDINGS = ("borough", "by", "dale", "ford", "ham", "mouth", "thorpe", "ton", "wick", "worth")
COUNTRIES = (
    *("Albania", "Belgium", "Bolivia", "Botswana", "Cabo Verde", "Côte d'Ivoire", "Denmark", "Ecuador"),
    *(
        "Estonia",
        "Fiji",
        "Ghana",
        "Guinea-Bissau",
        "Iceland",
        "Jordan",
        "Kiribati",
        "Laos",
        "Lesotho",
        "Malta",
    ),
    *("Mongolia", "Nauru", "Norway", "Oman", "Palau", "Peru", "Saint Vincent and the Grenadines", "Slovenia"),
    *(
        "South Georgia and the South Sandwich Islands",
        "Tonga",
        "United Kingdom",
        "Uruguay",
        "Vanuatu",
        "Wales",
    ),
)

# Name, location, manager; no staff belong to the last one.
DEPARTMENTS = (
    ("Sales", "Sheffield", "Agnes Thackray"),
    ("Purchasing", "Sheffield", "Cuthbert Lister"),
    ("Making", "Hull", "Winifred Sykes"),
    ("Despatch", "Hull", "Horace Bairstow"),
    ("Finance", "Sheffield", "Edith Murgatroyd"),
    ("Estates", "Sheffield", "Stanley Illingworth"),
    ("Press", "York", "Mabel Cockcroft"),
    ("People", "York", "Clement Hepworth"),
)
NEW_DEPARTMENT_NAMES = ("Accounts", "Logistics", "Supply", "Studio", "Workshop", "Partnerships", "Wellbeing")

MATERIALS = (
    *(
        "Bamboo",
        "Brass",
        "Canvas",
        "Cork",
        "Denim",
        "Felt",
        "Hemp",
        "Jute",
        "Leather",
        "Linen",
        "Raffia",
        "Wool",
    ),
)
FOLDERS = (
    *("/usr/share", "/usr/libexec", "/usr/local/share", "/usr/local/etc", "/usr/include", "/etc/defaults"),
    *("/etc/mail", "/opt", "/opt/share", "/var/spool", "/var/lib", "/var/cache", "/home/designs", "/srv"),
    *("/srv/patterns", "/mnt", "/media", "/boot/defaults", "/Users/Shared", "/private/var"),
)
